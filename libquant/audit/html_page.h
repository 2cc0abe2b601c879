#pragma once

#include <string_view>

namespace libquant {

// The audit report's page, without the report: cmake/EmbedHtml.cmake makes it of
// libquant/audit/html.
extern const std::string_view kPageBeforeData, kPageAfterData;

}  // namespace libquant
