#include "libquant/pipeline/sweep_model.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "libquant/core/error.h"
#include "libquant/pipeline/audit_session.h"
#include "libquant/pipeline/progress_meter.h"
#include "libquant/pipeline/temporary_model.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;

// Of a model's scoring work: rounding reads and writes the weights, GPTQ runs the calibration text.
double quantize_share(Method method) { return method == Method::gptq ? 1.0 : 0.1; }

// A folder for codes. One of its own disappears with it; one in the output folder stays when a run
// is interrupted, so that the next one can go on.
class CodesFolder {
 public:
  explicit CodesFolder(const fs::path& output) : owned_(output.empty()) {
    path_ = owned_ ? fs::temp_directory_path() / fmt::format("libquant-sweep-{}", getpid())
                   : output / "codes";
  }
  ~CodesFolder() {
    if (owned_) remove();
  }
  CodesFolder(const CodesFolder&) = delete;
  CodesFolder& operator=(const CodesFolder&) = delete;

  fs::path level(const std::string& name) const { return path_ / name; }
  void remove() noexcept {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

 private:
  bool owned_;
  fs::path path_;
};

void check_bits(const std::vector<int>& bits) {
  require(!bits.empty(), "a sweep needs at least one width");
  for (const int width : bits)
    require(std::count(bits.begin(), bits.end(), width) == 1, "the width {} is given twice", width);
}

QuantizeOptions level_options(const SweepRequest& request, int bits, const fs::path& output) {
  QuantizeOptions options = request.quantize;
  options.layer.scheme.bits = bits;
  options.formats = {Format::safetensors};  // holds any grid; nothing is written in it
  options.output = output;
  return options;
}

Json sweep_options(const SweepRequest& request) {
  Json options = request.audit.options.is_object() ? request.audit.options : Json(Json::Object{});
  options.set("method", to_string(request.quantize.layer.method));
  options.set("scheme", to_string(request.quantize.layer.scheme));
  options.set("bits", fmt::format("{}", fmt::join(request.bits, " ")));
  return options;
}

}  // namespace

QuantizeOptions SweepRequest::study_quantizer() {
  QuantizeOptions options;
  options.layer.method = Method::rtn;
  options.layer.clip = default_clip(Method::rtn);
  options.layer.scheme.group_size = 64;
  options.layer.scheme.zero = ZeroKind::minimum;
  return options;
}

AuditRun sweep_model(const fs::path& model, const SweepRequest& request,
                     const ProgressCallback& progress) {
  check_bits(request.bits);
  const auto source = open_checkpoint(model);
  const Method method = request.quantize.layer.method;
  CodesFolder codes(request.audit.output);
  // What cannot be quantized is found before hours of scoring.
  for (const int bits : request.bits)
    plan_quantization(*source, level_options(request, bits, codes.level("plan")));

  AuditRequest audit = request.audit;
  audit.options = sweep_options(request);
  audit.generations = 0;
  AuditSession session(audit);
  const double quantizing = session.model_work() * quantize_share(method);
  const auto levels = static_cast<double>(request.bits.size());
  ProgressMeter meter(progress, session.model_work() * (levels + 1) + quantizing * levels);
  AuditedModel base = session.score(*source, model, "original", source->content_hash(), meter);
  std::vector<AuditedModel> audited;
  for (const int bits : request.bits) {
    const std::string name = fmt::format("{}-{}bit", to_string(method), bits);
    const fs::path folder = codes.level(name);
    const QuantizeOptions options = level_options(request, bits, folder);
    if (auto finished = session.finished(name, temporary_model_hash(*source, options))) {
      meter.stage("reading scores of " + name);
      meter.add(quantizing + session.model_work());
      audited.push_back(std::move(*finished));
    } else {
      fs::create_directories(folder);
      const TemporaryModel level = quantize_temporarily(
          *source, options, meter.part(quantizing, fmt::format("quantizing to {} bits", bits)));
      audited.push_back(session.score(*level.checkpoint, "", name, level.hash, meter));
    }
    audited.back().method = to_string(method);
  }
  ReportContext context;
  context.kind = "sweep";
  context.title = fmt::format("{} of {} at {} bits", to_string(method), model.filename().string(),
                              fmt::join(request.bits, ", "));
  AuditRun run = session.finish(std::move(base), std::move(audited), std::move(context), meter);
  codes.remove();
  return run;
}

}  // namespace libquant
