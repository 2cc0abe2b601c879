#include "libquant/pipeline/audit_models.h"

#include "libquant/core/error.h"
#include "libquant/pipeline/audit_session.h"
#include "libquant/pipeline/progress_meter.h"

namespace libquant {

AuditRun audit_models(const std::filesystem::path& base,
                      const std::vector<std::filesystem::path>& quantized,
                      const AuditRequest& request, const ProgressCallback& progress) {
  require(!quantized.empty(), "an audit needs a quantized model beside the original");
  AuditSession session(request);
  ProgressMeter meter(progress, session.model_work() * static_cast<double>(quantized.size() + 1));
  std::vector<std::filesystem::path> paths{base};
  paths.insert(paths.end(), quantized.begin(), quantized.end());
  const std::vector<std::string> names = short_names(paths);
  AuditedModel original = session.score(base, names[0], meter);
  std::vector<AuditedModel> models;
  for (std::size_t m = 0; m < quantized.size(); ++m)
    models.push_back(session.score(quantized[m], names[m + 1], meter));
  return session.finish(std::move(original), std::move(models), {}, meter);
}

}  // namespace libquant
