# xxHash as libquant::xxhash; Debian ships no CMake package for it.
find_path(LibquantXxhash_INCLUDE_DIR xxhash.h)
find_library(LibquantXxhash_LIBRARY xxhash)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibquantXxhash
  REQUIRED_VARS LibquantXxhash_LIBRARY LibquantXxhash_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "libquant needs xxHash: apt-get install libxxhash-dev")
if(LibquantXxhash_FOUND AND NOT TARGET libquant::xxhash)
  add_library(libquant::xxhash UNKNOWN IMPORTED)
  set_target_properties(libquant::xxhash PROPERTIES
    IMPORTED_LOCATION "${LibquantXxhash_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${LibquantXxhash_INCLUDE_DIR}")
endif()
mark_as_advanced(LibquantXxhash_INCLUDE_DIR LibquantXxhash_LIBRARY)
