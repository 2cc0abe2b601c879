# libcsv as libquant::csv; Debian ships no CMake package for it.
find_path(LibquantCsv_INCLUDE_DIR csv.h)
find_library(LibquantCsv_LIBRARY csv)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibquantCsv
  REQUIRED_VARS LibquantCsv_LIBRARY LibquantCsv_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "libquant needs libcsv: apt-get install libcsv-dev")
if(LibquantCsv_FOUND AND NOT TARGET libquant::csv)
  add_library(libquant::csv UNKNOWN IMPORTED)
  set_target_properties(libquant::csv PROPERTIES
    IMPORTED_LOCATION "${LibquantCsv_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LibquantCsv_INCLUDE_DIR}")
endif()
mark_as_advanced(LibquantCsv_INCLUDE_DIR LibquantCsv_LIBRARY)
