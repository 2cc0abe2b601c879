# Makes one C++ file of the audit report's template, so that a report needs nothing beside itself:
#   cmake -DHTML_DIR=... -DD3_FILE=... -DSCRIPTS="a.js;b.js" -DSTYLES="a.css;b.css" -DOUTPUT=... -P EmbedHtml.cmake
# The page's security policy allows exactly these scripts and styles, by their hashes.
cmake_minimum_required(VERSION 3.25)

# SHA-256 of a text in base64, as the policy wants it.
function(policy_hash text result)
  set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  set(out "")
  foreach(at RANGE 0 60 6) # 32 bytes: ten groups of three, and two
    string(SUBSTRING "${hex}0000" ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR digit "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING "${digits}" ${digit} 1 digit)
      string(APPEND out "${digit}")
    endforeach()
  endforeach()
  string(SUBSTRING "${out}" 0 43 out)
  set(${result} "'sha256-${out}='" PARENT_SCOPE)
endfunction()

function(read_all files result)
  set(text "")
  foreach(file IN LISTS files)
    file(READ "${file}" part)
    string(APPEND text "${part}")
  endforeach()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

list(TRANSFORM SCRIPTS PREPEND "${HTML_DIR}/")
list(TRANSFORM STYLES PREPEND "${HTML_DIR}/")
read_all("${SCRIPTS}" script)
set(script "\"use strict\";\n(function () {\n${script}})();\n")
read_all("${STYLES}" style)
file(READ "${D3_FILE}" d3)
file(READ "${HTML_DIR}/d3_licence.txt" d3_licence)
file(READ "${HTML_DIR}/report.html" page)

foreach(part script d3)
  string(FIND "${${part}}" "</script" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "the report's ${part} holds the text </script, which would end it")
  endif()
endforeach()
policy_hash("${d3}" d3_hash)
policy_hash("${script}" script_hash)
policy_hash("${style}" style_hash)
set(script_hashes "${d3_hash} ${script_hash}")

foreach(name script_hashes style_hash style d3_licence d3 script)
  string(REPLACE "{{${name}}}" "${${name}}" page "${page}")
endforeach()
string(FIND "${page}" "{{data}}" data)
string(SUBSTRING "${page}" 0 ${data} before)
math(EXPR data "${data} + 8")
string(SUBSTRING "${page}" ${data} -1 after)
string(FIND "${page}" ")libquant\"" delimiter)
if(data EQUAL 7 OR NOT delimiter EQUAL -1)
  message(FATAL_ERROR "report.html has no {{data}}, or a part of it holds the C++ literal's end")
endif()

file(WRITE "${OUTPUT}" "// Made by cmake/EmbedHtml.cmake from libquant/audit/html.
#include \"libquant/audit/html_page.h\"

namespace libquant {

const std::string_view kPageBeforeData = R\"libquant(${before})libquant\";
const std::string_view kPageAfterData = R\"libquant(${after})libquant\";

}  // namespace libquant
")
