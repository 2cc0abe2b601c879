# PCRE2's 8-bit library as libquant::pcre2; Debian ships no CMake package for it.
find_path(LibquantPcre2_INCLUDE_DIR pcre2.h)
find_library(LibquantPcre2_LIBRARY pcre2-8)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibquantPcre2
  REQUIRED_VARS LibquantPcre2_LIBRARY LibquantPcre2_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "libquant needs PCRE2: apt-get install libpcre2-dev")
if(LibquantPcre2_FOUND AND NOT TARGET libquant::pcre2)
  add_library(libquant::pcre2 UNKNOWN IMPORTED)
  set_target_properties(libquant::pcre2 PROPERTIES
    IMPORTED_LOCATION "${LibquantPcre2_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LibquantPcre2_INCLUDE_DIR}"
    INTERFACE_COMPILE_DEFINITIONS PCRE2_CODE_UNIT_WIDTH=8)
endif()
mark_as_advanced(LibquantPcre2_INCLUDE_DIR LibquantPcre2_LIBRARY)
