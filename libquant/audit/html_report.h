#pragma once

#include <cstddef>
#include <string>

#include "libquant/io/json.h"

namespace libquant {

/// What keeps a report readable, and a hostile probe set from filling the disk.
struct HtmlLimits {
  std::size_t page_bytes = std::size_t{8} << 20;  ///< of the whole file
  std::size_t text_bytes = 4000;                  ///< of one text; longer ones are cut, visibly
};

/// The audit's report (its JSON: docs/audit.md) as one HTML page that loads nothing: template,
/// D3 and figures are in it, and its security policy allows no other script. Texts of the report
/// are data in every place: none of them can become markup or script. Bytes that are not UTF-8
/// become U+FFFD.
///
/// The page holds the report as JSON in <script id="report-data">. Where the page would be larger
/// than allowed, single points and then changed items are left out, and the member "shortened"
/// says so. The same report gives the same bytes. Thread-safe.
///
/// Throws InvalidArgument naming the member that a report must have and this one lacks, or when
/// the report does not fit even without points and items.
std::string audit_report_html(const Json& report, const HtmlLimits& limits = {});

}  // namespace libquant
