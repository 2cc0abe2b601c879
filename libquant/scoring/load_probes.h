#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "libquant/scoring/probe_item.h"

namespace libquant {

/// Files that probe items come from. `automatic` looks at the first record.
enum class ProbeFormat : std::uint8_t {
  automatic,
  bbq,               ///< jsonl rows of nyu-mll/BBQ
  stereoset,         ///< csv with Domain, Target, Context, ..., or the original nested json
  crows_pairs,       ///< csv with sent_more, sent_less, stereo_antistereo, bias_type
  winobias,          ///< txt, "[He] ... [the nurse]"; pro/anti and type from the file name
  winogender,        ///< tsv with sentid and sentence
  discrim_eval_gen,  ///< csv
  pairs,             ///< the user's own, and this project's, jsonl: docs/probe_sets.md
  choices,           ///< the same for questions with options
  zero_shot,  ///< lm-evaluation-harness rows: PIQA, BoolQ, OpenBookQA, ARC, HellaSwag, TruthfulQA
};
std::string_view to_string(ProbeFormat format) noexcept;
ProbeFormat probe_format_from(std::string_view name);

/// Reads one file. FormatError names file, line and field. The same file gives the same items.
ProbeSet load_probes(const std::filesystem::path& path,
                     ProbeFormat format = ProbeFormat::automatic);

/// At most `count` items, stratified over set, category, condition and polarity in proportion,
/// drawn with `seed`, in their original order. count = 0 keeps all.
std::vector<ProbeItem> sample_items(std::span<const ProbeItem> items, std::size_t count,
                                    std::uint64_t seed);

}  // namespace libquant
