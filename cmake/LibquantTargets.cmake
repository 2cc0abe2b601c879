# Properties every target of this project shares; consumers never see them.
add_library(libquant_build_flags INTERFACE)
target_compile_features(libquant_build_flags INTERFACE cxx_std_20)
target_compile_options(libquant_build_flags INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wno-sign-conversion> # which GCC's -Wconversion leaves out
  $<$<AND:$<BOOL:${LIBQUANT_WERROR}>,$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>>:-Werror>)
if(LIBQUANT_SANITIZE)
  target_compile_options(libquant_build_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${LIBQUANT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(libquant_build_flags INTERFACE -fsanitize=${LIBQUANT_SANITIZE})
endif()

# Sources and public headers of one folder: libquant_sources(PUBLIC a.h PRIVATE a.cpp b.cpp).
function(libquant_sources)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "libquant_sources: ${arg_UNPARSED_ARGUMENTS} is neither PUBLIC nor PRIVATE")
  endif()
  if(arg_PUBLIC)
    target_sources(libquant PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${arg_PUBLIC})
  endif()
  target_sources(libquant PRIVATE ${arg_PRIVATE})
endfunction()
