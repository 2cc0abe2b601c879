// libquant_dump_logits MODEL IDS OUT [TOKENS_PER_PART]: logits of the whitespace-separated token
// ids in the file IDS as raw fp32 [tokens x vocabulary]. With TOKENS_PER_PART the sequence is fed
// through a key-value cache in parts of that many tokens.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "libquant/checkpoint/checkpoint.h"
#include "libquant/core/error.h"
#include "libquant/model/model.h"

namespace {

using libquant::Matrix;

std::vector<std::int32_t> read_ids(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::int32_t> ids;
  for (std::int32_t id; file >> id;) ids.push_back(id);
  libquant::require(!ids.empty() && file.eof(), "{}: expected token ids", path);
  return ids;
}

void append_logits(const libquant::Model& model, const Matrix& hidden, std::ofstream& out) {
  const std::size_t step = model.logits_chunk_rows();
  for (std::size_t begin = 0; begin < hidden.rows(); begin += step) {
    const std::size_t count = std::min(step, hidden.rows() - begin);
    const Matrix logits = model.logits(hidden.view().row_range(begin, count));
    out.write(reinterpret_cast<const char*>(logits.data()),
              static_cast<std::streamsize>(logits.size() * sizeof(float)));
  }
}

void dump(std::span<const std::string> arguments) {
  const libquant::Model model(*libquant::open_checkpoint(arguments[0]));
  const std::vector<std::int32_t> ids = read_ids(arguments[1]);
  std::ofstream out(arguments[2], std::ios::binary);
  const std::size_t part = arguments.size() > 3 ? std::stoul(arguments[3]) : ids.size();
  libquant::require(part > 0, "parts of 0 tokens");
  libquant::KvCache cache(model.config(), ids.size());
  libquant::KvCache* const caches[] = {&cache};
  for (std::size_t begin = 0; begin < ids.size(); begin += part) {
    const std::size_t count = std::min(part, ids.size() - begin);
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    append_logits(
        model,
        model.hidden_states({{first, first + static_cast<std::ptrdiff_t>(count)}, {count}}, caches),
        out);
  }
  out.flush();
  libquant::require<libquant::Error>(out.good(), "{}: cannot be written", arguments[2]);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  libquant::require(arguments.size() == 3 || arguments.size() == 4,
                    "usage: libquant_dump_logits MODEL IDS OUT [TOKENS_PER_PART]");
  dump(arguments);
} catch (const std::exception& error) {
  fmt::print(stderr, "libquant_dump_logits: {}\n", error.what());
  return 1;
}
