#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/cli/arguments.h"
#include "libquant/cli/commands.h"
#include "libquant/cli/console.h"
#include "libquant/cli/inspect_json.h"
#include "libquant/tokenizer/chat.h"

namespace libquant::cli {
namespace {

struct Arguments {
  CommonArguments common;
  std::filesystem::path model;
  bool all = false;
};

/// Tensors that differ only by the number of their block.
struct TensorKind {
  std::size_t count = 0;
  WeightSource::Info info;
};

std::string kind_of(const std::string& name) {
  constexpr std::string_view kBlocks = "model.layers.";
  if (!name.starts_with(kBlocks)) return name;
  const std::size_t dot = name.find('.', kBlocks.size());
  return std::string(kBlocks) + "*" + name.substr(std::min(dot, name.size()));
}

std::string shape_text(const WeightSource::Info& info) {
  return info.rows == 1 ? fmt::format("{}", info.cols)
                        : fmt::format("{} x {}", info.rows, info.cols);
}

void print_tensors(const Checkpoint& model, bool all) {
  std::vector<std::pair<std::string, TensorKind>> kinds;
  std::map<std::string, std::size_t> index;
  for (const auto& name : model.names()) {
    const auto info = model.info(name);
    const std::string shown = all ? name : kind_of(name);
    const auto [at, fresh] =
        index.emplace(fmt::format("{} {} {}", shown, info.type, shape_text(info)), kinds.size());
    if (fresh) kinds.push_back({shown, {0, info}});
    ++kinds[at->second].second.count;
  }
  Table table({"tensor", "count", "shape", "type", "bytes"});
  double total = 0;
  for (const auto& [name, kind] : kinds) {
    const double bytes = static_cast<double>(kind.info.bytes) * static_cast<double>(kind.count);
    total += bytes;
    table.add({name, fmt::format("{}", kind.count), shape_text(kind.info), kind.info.type,
               bytes_text(bytes)});
  }
  table.add({"all", "", "", "", bytes_text(total)});
  fmt::print("\n{}", table.text());
}

void print_config(const ModelConfig& c) {
  fmt::print("family      {}\n", c.family);
  fmt::print("size        {} blocks, hidden {}, MLP {}, vocabulary {}\n", c.layers, c.hidden_size,
             c.intermediate_size, c.vocabulary_size);
  fmt::print("attention   {} heads of {}, {} for keys and values", c.heads, c.head_dim, c.kv_heads);
  if (c.sliding_window > 0) fmt::print(", window of {}", c.sliding_window);
  if (c.attention_bias) fmt::print(", biases");
  if (c.qk_norm) fmt::print(", q/k norms");
  fmt::print("\npositions   {}, rotary base {:g}{}\n", c.max_positions, c.rope.theta,
             c.rope.scaling == RopeConfig::Scaling::none
                 ? ""
                 : fmt::format(", {} scaling", rope_scaling_name(c.rope.scaling)));
  fmt::print("embeddings  {}\n", c.tied_embeddings ? "shared with the output layer" : "own");
}

void print_tokenizer(const TokenizerSpec& spec) {
  fmt::print("tokenizer   {}, {} tokens, {} merges", tokenizer_kind_name(spec.kind),
             spec.tokens.size(), spec.merges.size());
  if (spec.add_bos) fmt::print(", adds BOS");
  if (spec.add_eos) fmt::print(", adds EOS");
  fmt::print("\nchat format {}\n", to_string(detect_chat_format(spec)));
}

int run(const Arguments& a) {
  apply_common(a.common);
  const auto model = open_checkpoint(a.model);
  if (a.common.json) {
    fmt::print("{}\n", inspect_json(a.model.string(), *model).dump(2));
    return kSuccess;
  }
  fmt::print("model       {}\n", a.model.string());
  fmt::print("format      {}, block weights in {}\n", model->format(), model->type_name());
  print_config(model->config());
  print_tokenizer(model->tokenizer());
  print_tensors(*model, a.all);
  return kSuccess;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  auto a = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "inspect", "show what a model file holds: sizes, tensor types, tokenizer, chat format");
  command->add_option("model", a->model, "a .gguf file or a Hugging Face folder")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("MODEL");
  command->add_flag("--all", a->all, "one line for every tensor instead of one for each kind");
  add_common(*command, a->common);
  command->callback([a, &exit_code] { exit_code = run(*a); });
}

}  // namespace libquant::cli
