#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libquant/io/csv.h"
#include "libquant/io/json.h"
#include "libquant/scoring/probe_item.h"

namespace libquant::probes {

/// One file per set: each fills `items` and `skipped` of a set whose name is already known, and
/// sets the licence that the data's authors give.
void load_bbq(const std::filesystem::path& path, ProbeSet& set);
void load_stereoset_csv(const std::filesystem::path& path, ProbeSet& set);
void load_stereoset_json(const std::filesystem::path& path, ProbeSet& set);
void load_crows_pairs(const std::filesystem::path& path, ProbeSet& set);
void load_winobias(const std::filesystem::path& path, ProbeSet& set);
void load_winogender(const std::filesystem::path& path, ProbeSet& set);
void load_discrim_eval_gen(const std::filesystem::path& path, ProbeSet& set);
void load_pairs(const std::filesystem::path& path, ProbeSet& set);
void load_choices(const std::filesystem::path& path, ProbeSet& set);
void load_zero_shot(const std::filesystem::path& path, ProbeSet& set);

/// A parsed line of a .jsonl file with its place for messages ("file.jsonl:12").
using JsonLine = std::pair<std::string, Json>;
std::vector<JsonLine> read_json_lines(const std::filesystem::path& path);
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// Member access that names the place in its error.
const std::string& text_of(const Json& row, std::string_view key, std::string_view place);
std::string optional_text(const Json& row, std::string_view key, std::string_view place);

std::string lower(std::string_view text);

}  // namespace libquant::probes
