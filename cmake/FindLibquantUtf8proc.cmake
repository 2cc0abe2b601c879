# utf8proc as libquant::utf8proc; Debian ships no CMake package for it.
find_path(LibquantUtf8proc_INCLUDE_DIR utf8proc.h)
find_library(LibquantUtf8proc_LIBRARY utf8proc)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibquantUtf8proc
  REQUIRED_VARS LibquantUtf8proc_LIBRARY LibquantUtf8proc_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "libquant needs utf8proc: apt-get install libutf8proc-dev")
if(LibquantUtf8proc_FOUND AND NOT TARGET libquant::utf8proc)
  add_library(libquant::utf8proc UNKNOWN IMPORTED)
  set_target_properties(libquant::utf8proc PROPERTIES
    IMPORTED_LOCATION "${LibquantUtf8proc_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LibquantUtf8proc_INCLUDE_DIR}")
endif()
mark_as_advanced(LibquantUtf8proc_INCLUDE_DIR LibquantUtf8proc_LIBRARY)
