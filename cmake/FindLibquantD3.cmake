# D3's JavaScript, of which the audit report's pictures are made, as LibquantD3_FILE: Debian's libjs-d3 is one file
# without dependencies. Version 3 is the one that Debian 12 and Ubuntu 24.04 ship; 4 and later have another interface.
find_file(LibquantD3_FILE d3.min.js PATHS /usr/share/javascript/d3 PATH_SUFFIXES share/javascript/d3)
if(LibquantD3_FILE)
  file(STRINGS "${LibquantD3_FILE}" LibquantD3_VERSION REGEX "version: ?\"3\\." LIMIT_COUNT 1)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibquantD3
  REQUIRED_VARS LibquantD3_FILE LibquantD3_VERSION
  REASON_FAILURE_MESSAGE "libquant needs D3 3 (found: ${LibquantD3_FILE}): apt-get install libjs-d3")
mark_as_advanced(LibquantD3_FILE)
