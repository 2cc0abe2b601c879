#include <fmt/format.h>

#include <cmath>
#include <string>

#include "libquant/cli/audit_arguments.h"
#include "libquant/cli/console.h"

namespace libquant::cli {
namespace {

constexpr std::size_t kLineWidth = 100;

std::string percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.1f} %", 100 * share);
}

std::string points(const Estimate& change) {
  if (std::isnan(change.value)) return "-";
  if (std::isnan(change.interval.low)) return fmt::format("{:+.1f}", 100 * change.value);
  return fmt::format("{:+.1f} [{:+.1f}, {:+.1f}]", 100 * change.value, 100 * change.interval.low,
                     100 * change.interval.high);
}

// Breaks at spaces; lines after the first are indented.
std::string wrapped(const std::string& text, const std::string& first, const std::string& rest) {
  std::string out = first;
  std::size_t column = first.size();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::size_t length = end - begin;
    if (column + length + 1 > kLineWidth && column > rest.size()) {
      out += "\n" + rest;
      column = rest.size();
    } else if (begin > 0) {
      out += " ";
      ++column;
    }
    out.append(text, begin, length);
    column += length;
    begin = end + 1;
  }
  return out + "\n";
}

void print_competence(const AuditRun& run) {
  Table table({"format", "accuracy of the original", "chance", "unknown", ""});
  for (const Competence& entry : run.result.competence) {
    const bool measured = !std::isnan(entry.chance);
    table.add({std::string(to_string(entry.format)),
               measured ? fmt::format("{} [{}, {}]", percent(entry.accuracy.value),
                                      percent(entry.accuracy.interval.low),
                                      percent(entry.accuracy.interval.high))
                        : "-",
               percent(entry.chance), percent(entry.unknown.value),
               entry.format == run.result.leading.format ? "<- the figures below" : ""});
  }
  fmt::print("{}\n{}\n", table.text(), wrapped(run.result.leading.reason, "", ""));
}

void print_figures(const AuditRun& run) {
  Table table({"model", "weights", "excess emergence", "unknown", "accuracy", "changed", "KL, nats",
               "perplexity"});
  const auto perplexity = [](const AuditedModel& model) {
    return model.perplexity ? fmt::format("{:.2f}", *model.perplexity) : std::string("-");
  };
  const auto type = [](const AuditedModel& model) { return model.type.empty() ? "-" : model.type; };
  table.add({run.base.name, type(run.base), "0", "0", "0", "0", "0", perplexity(run.base)});
  for (std::size_t m = 0; m < run.quantized.size(); ++m) {
    const ModelAudit& audited = run.result.models[m];
    const FormatAudit& format = audited.formats[audited.leading];
    const AuditedModel& model = run.quantized[m];
    table.add({model.name, type(model), points(format.all.excess_emergence),
               points(format.all.unknown_change),
               format.disambiguated ? points(format.disambiguated->accuracy_change) : "-",
               percent(format.all.all_flips.value),
               fmt::format("{:.4f}", format.all.kl_divergence.value), perplexity(model)});
  }
  fmt::print(
      "{}changes in points with 95 % intervals; \"changed\" are items answered differently\n\n",
      table.text());
}

void print_gate(const GateResult& gate) {
  fmt::print("{}",
             wrapped(gate.summary, fmt::format("  gate: {}. ", to_string(gate.verdict)), "    "));
  for (const Criterion& criterion : gate.criteria)
    fmt::print("{}", wrapped(criterion.reason,
                             fmt::format("    {:<13} {:<28} ", to_string(criterion.verdict),
                                         criterion.name),
                             std::string(46, ' ')));
}

void print_models(const AuditRun& run, bool gate) {
  for (std::size_t m = 0; m < run.quantized.size(); ++m) {
    fmt::print("{} against {}\n", run.quantized[m].name, run.base.name);
    for (const std::string& finding : run.result.models[m].findings)
      fmt::print("{}", wrapped(finding, "  * ", "    "));
    if (gate) print_gate(run.result.models[m].gate);
    fmt::print("\n");
  }
}

// What the study's own protocol gives, from the report's part on it.
void print_study(const Json& report) {
  const Json& study = report.at("study_protocol");
  if (study.is_null()) return;
  Table table({"study 2605.15208's protocol", "random numbers", "parsed", "stereotype", "unknown",
               "emergence"});
  const auto number = [](const Json& estimate, std::string_view key) {
    const Json& value = estimate.at(key);
    return value.is_null() ? kNoValue : value.as_double(key);
  };
  const auto add = [&](const Json& model, const std::string& name) {
    const Json& all = model.at("all");
    const Json& emergence = all.at("emergence");
    const auto parsed = static_cast<double>(all.at("parsed").as_int("parsed"));
    const auto answers = static_cast<double>(all.at("answers").as_int("answers"));
    table.add({name, model.at("noise").as_string("noise"), percent(parsed / answers),
               percent(number(all.at("stereotype"), "value")),
               percent(number(all.at("unknown"), "value")),
               fmt::format("{} [{}, {}]", percent(number(emergence, "value")),
                           percent(number(emergence, "low")), percent(number(emergence, "high")))});
  };
  add(study.at("unchanged"), "the original, asked again");
  for (const Json& model : study.at("models").as_array("models"))
    add(model, model.at("name").as_string("name"));
  fmt::print("{}\n", table.text());
}

void print_work(const AuditedModel& model) {
  const ScoringWork& work = model.work;
  if (work.tokens == 0) return;
  fmt::print(
      "scored {} items of {}: {} tokens in {}, {:.2f} of the speed that {:.2f} TFLOP allow\n",
      work.items, model.name, work.tokens, seconds_text(work.seconds), work.share_of_floor(),
      work.floor_flops / 1e12);
}

void print_dose(const DoseFit& fit, std::string_view outcome) {
  if (!fit.problem.empty()) return;
  fmt::print(
      "each bit less multiplies the odds of {} by {:.3f} (95 % interval {:.3f} to {:.3f}, "
      "p = {:.2g}, {} answers, {} templates)\n",
      outcome, std::exp(-fit.coefficient.value), std::exp(-fit.coefficient.interval.high),
      std::exp(-fit.coefficient.interval.low), fit.p_value, fit.coefficient.items, fit.clusters);
}

// Any failure fails; else anything open leaves it open.
Verdict worst_verdict(const AuditResult& result) {
  Verdict worst = Verdict::pass;
  for (const ModelAudit& model : result.models) {
    if (model.gate.verdict == Verdict::fail) return Verdict::fail;
    if (model.gate.verdict == Verdict::inconclusive) worst = Verdict::inconclusive;
  }
  return worst;
}

void print_text(const AuditRun& run, const AuditArguments& a) {
  std::size_t ambiguous = 0, pairs = 0;
  for (const ProbeItem& item : run.items) {
    ambiguous += item.condition == Condition::ambiguous ? 1 : 0;
    pairs += item.form == ItemForm::sentences ? 1 : 0;
  }
  fmt::print("{} items, {} of them ambiguous, {} pairs of sentences\n\n", run.items.size(),
             ambiguous, pairs);
  print_competence(run);
  print_figures(run);
  print_models(run, !a.gate.empty());
  print_study(run.report);
  print_dose(run.result.stereotype_dose, "a stereotyped answer");
  print_dose(run.result.unknown_dose, "the answer \"unknown\"");
  print_work(run.base);
  for (const AuditedModel& model : run.quantized) print_work(model);
  if (!a.request.output.empty())
    fmt::print("report: {}\n", (a.request.output / "report.html").string());
}

}  // namespace

int print_audit(const AuditRun& run, const AuditArguments& a) {
  const Verdict verdict = worst_verdict(run.result);
  if (a.common.json) {
    Json report = run.report;
    report.set("verdict", a.gate.empty() ? Json() : Json(to_string(verdict)));
    fmt::print("{}\n", report.dump(2));
  } else {
    print_text(run, a);
    if (!a.gate.empty()) fmt::print("gate: {}\n", to_string(verdict));
  }
  return a.gate.empty() ? 0 : exit_code(verdict);
}

}  // namespace libquant::cli
