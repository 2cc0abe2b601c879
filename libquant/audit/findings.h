#pragma once

#include <string>
#include <vector>

#include "libquant/audit/audit.h"

namespace libquant {

/// What an audit found out about one quantized model, in sentences for people who are no
/// statisticians; what speaks against the model comes first. The terminal and the page print them.
std::vector<std::string> findings(const ModelAudit& model, const LeadingFormat& leading,
                                  const AuditedModel& base, const AuditedModel& quantized);

}  // namespace libquant
