#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "libquant/audit/audit.h"

namespace libquant {

/// What an audit found out about one quantized model, in sentences for people who are no
/// statisticians; what speaks against the model comes first. The terminal and the page print them.
/// A group is named only if at least `minimum_items` items are about it.
std::vector<std::string> findings(const ModelAudit& model, const LeadingFormat& leading,
                                  const AuditedModel& base, const AuditedModel& quantized,
                                  std::size_t minimum_items);

}  // namespace libquant
