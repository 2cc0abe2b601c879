# The kernels and their tests with nothing but a compiler, threads and Catch2: for cross builds, where the other
# libraries would have to exist for the target too.
find_package(Threads REQUIRED)
target_include_directories(libquant PRIVATE "${PROJECT_SOURCE_DIR}")
target_link_libraries(libquant PRIVATE $<BUILD_INTERFACE:libquant_build_flags> Threads::Threads)
set_target_properties(libquant PROPERTIES OUTPUT_NAME quant_kernels
  CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON)

if(LIBQUANT_TESTS)
  find_package(Catch2 QUIET)
  if(NOT Catch2_FOUND)
    message(FATAL_ERROR "the tests need Catch2: apt-get install catch2")
  endif()
  enable_testing()
  add_library(libquant_catch INTERFACE)
  target_include_directories(libquant_catch INTERFACE "${PROJECT_SOURCE_DIR}")
  if(CMAKE_CROSSCOMPILING)
    # Catch2 2 is a header, which suits every target; its ready-made main() is built for this machine only.
    if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
      message(FATAL_ERROR "a cross build of the tests needs Catch2 2.13 (one header) or a Catch2 3 built for the target")
    endif()
    target_sources(libquant_catch INTERFACE "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp")
    target_link_libraries(libquant_catch INTERFACE Catch2::Catch2)
  else()
    target_link_libraries(libquant_catch INTERFACE Catch2::Catch2WithMain)
  endif()
  add_subdirectory(tests/unit/kernels)
endif()
