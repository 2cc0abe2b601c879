#include "libquant/audit/study_report.h"

#include <map>

#include "libquant/audit/report_parts.h"
#include "libquant/audit/study_metrics.h"
#include "libquant/core/error.h"

namespace libquant {
namespace {

Json to_json(const StudyFigures& figures) {
  return Json::object({{"name", figures.name},
                       {"answers", figures.answers},
                       {"parsed", figures.parsed},
                       {"stereotype", libquant::to_json(figures.stereotype)},
                       {"unknown", libquant::to_json(figures.unknown)},
                       {"anti", libquant::to_json(figures.anti)},
                       {"emergence", libquant::to_json(figures.emergence)},
                       {"chi_square_p", number_or_null(figures.chi_square_p)},
                       {"effect", number_or_null(figures.effect)},
                       {"unknown_change", number_or_null(figures.unknown_change)}});
}

using Answers = std::span<const SampledItem>;

class Reporter {
 public:
  Reporter(const StudyInput& input, double level) : items_(input.items), level_(level) {
    for (std::size_t i = 0; i < items_.size(); ++i) categories_[items_[i]->category].push_back(i);
  }

  Json model(const std::string& name, Noise noise, Answers base, Answers answers) const {
    Json categories(Json::Array{});
    for (const auto& [category, indices] : categories_)
      categories.push_back(to_json(part(category, indices, base, answers)));
    return Json::object({{"name", name},
                         {"noise", to_string(noise)},
                         {"all", to_json(study_figures("all", items_, base, answers, level_))},
                         {"categories", std::move(categories)}});
  }

 private:
  StudyFigures part(const std::string& category, const std::vector<std::size_t>& indices,
                    Answers base, Answers answers) const {
    std::vector<const ProbeItem*> items;
    std::vector<SampledItem> before, after;
    for (const std::size_t i : indices) {
      items.push_back(items_[i]);
      before.push_back(base[i]);
      after.push_back(answers[i]);
    }
    return study_figures(category, items, before, after, level_);
  }

  std::span<const ProbeItem* const> items_;
  double level_;
  std::map<std::string, std::vector<std::size_t>> categories_;
};

}  // namespace

Json study_report(const StudyInput& input, const AuditedModel& base,
                  std::span<const AuditedModel> quantized, double level) {
  require(input.quantized.size() == quantized.size(), "answers of {} models, described are {}",
          input.quantized.size(), quantized.size());
  const Reporter reporter(input, level);
  Json seeds(Json::Array{}), models(Json::Array{});
  for (const std::uint64_t seed : input.protocol.seeds) seeds.push_back(seed);
  for (std::size_t m = 0; m < quantized.size(); ++m) {
    const StudyAnswers& answers = input.quantized[m];
    models.push_back(
        reporter.model(quantized[m].name, Noise::common, input.base.common, answers.common));
    Json drawn = reporter.model(quantized[m].name, Noise::independent, input.base.independent,
                                answers.independent);
    if (input.same_prompts)
      drawn.set("expected_emergence",
                number_or_null(expected_emergence(input.items, base.scores, quantized[m].scores,
                                                  input.protocol)));
    models.push_back(std::move(drawn));
  }
  // What an unchanged model shows when it is asked twice.
  Json unchanged =
      reporter.model(base.name, Noise::independent, input.base.independent, input.base.repeated);
  if (input.same_prompts)
    unchanged.set(
        "expected_emergence",
        number_or_null(expected_emergence(input.items, base.scores, base.scores, input.protocol)));
  return Json::object({{"temperature", input.protocol.temperature},
                       {"max_tokens", input.protocol.max_tokens},
                       {"seeds", std::move(seeds)},
                       {"chat_format", to_string(input.chat)},
                       {"items", input.items.size()},
                       {"unchanged", std::move(unchanged)},
                       {"models", std::move(models)}});
}

}  // namespace libquant
