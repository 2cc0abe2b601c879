// Makes the HTML page of an audit report's JSON: render_report REPORT.json PAGE.html
#include <exception>
#include <iostream>

#include "libquant/audit/html_report.h"
#include "libquant/io/atomic_file.h"
#include "libquant/io/json.h"

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: render_report REPORT.json PAGE.html\n";
    return 2;
  }
  try {
    libquant::write_file_atomic(
        arguments[2], libquant::audit_report_html(libquant::Json::parse_file(arguments[1])));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
