#pragma once

#include <string>

#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant::testing {

/// A tiny model with choice items and pairs of its own.
struct FairCase : PipelineCase {
  FairCase() {
    std::string choices, pairs;
    for (int i = 0; i < 24; ++i) {
      choices += fmt::format(
          R"({{"question": "Who of {} left?", "template": "t{}", "options": [{{"text": "he {}", "role": "stereotype"}}, {{"text": "she", "role": "anti"}}, {{"text": "no one knows", "role": "unknown"}}]}})"
          "\n",
          i, i / 2, i);
      pairs += fmt::format(
          R"({{"stereotype": "old man {} ran off", "anti": "young man {} ran off", "template": "p{}"}})"
          "\n",
          i, i, i);
    }
    write_file(folder / "choices.jsonl", choices);
    write_file(folder / "pairs.jsonl", pairs);
  }

  QuantizeOptions fair(const std::string& name, double strength = 1) const {
    QuantizeOptions made = options(name);
    made.layer.scheme.bits = 3;
    made.fairness.probes = {folder / "choices.jsonl", folder / "pairs.jsonl"};
    made.fairness.strength = strength;
    return made;
  }
};

}  // namespace libquant::testing
