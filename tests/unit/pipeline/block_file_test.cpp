#include "libquant/pipeline/block_file.h"

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::holds;
using testing::message_of;
using testing::read_file;
using testing::TemporaryFolder;
using testing::write_file;

QuantizedLayer made_layer(const std::string& name, ZeroKind zero) {
  Scheme scheme;
  scheme.group_size = 32;
  scheme.zero = zero;
  QuantizedLayer layer{{name, scheme, {}, {}}, make_quantized(scheme, 3, 64)};
  Rng rng(7);
  for (auto& code : layer.matrix.codes) code = static_cast<std::uint8_t>(rng.below(16));
  for (auto& scale : layer.matrix.scales) scale = round_to(ScaleType::f16, 0.1f);
  for (auto& z : layer.matrix.zeros) z = static_cast<std::uint8_t>(rng.below(16));
  for (auto& minimum : layer.matrix.minimums) minimum = -0.5f;
  layer.report.report.error = 0.1 + 1e-17;
  layer.report.report.tokens = 288;
  layer.report.report.fallback = "line one\n\"quoted\"";
  return layer;
}

FinishedBlock made_block() {
  FinishedBlock block;
  block.block = 3;
  block.fingerprint = "print";
  block.state = "state";
  block.seconds.solve = 1.5;
  block.layers.push_back(made_layer("a", ZeroKind::symmetric));
  block.layers.push_back(made_layer("b", ZeroKind::asymmetric));
  block.layers.push_back(made_layer("c", ZeroKind::minimum));
  return block;
}

TEST_CASE("a block file gives back codes, group parameters and reports") {
  const TemporaryFolder folder;
  const FinishedBlock block = made_block();
  write_block_file(folder / "block", block);
  const BlockFile file(folder / "block", 3, "print");
  CHECK(file.state() == "state");
  CHECK(file.seconds().solve == 1.5);
  REQUIRE(file.reports().size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& layer = block.layers[i];
    CHECK(file.matrix(layer.report.name) == layer.matrix);
    CHECK(file.reports()[i].scheme == layer.report.scheme);
    CHECK(file.reports()[i].report.error == layer.report.report.error);
    CHECK(file.reports()[i].report.fallback == layer.report.report.fallback);
  }
  CHECK(file.has("a"));
  CHECK_FALSE(file.has("d"));
  CHECK_THROWS_AS(file.matrix("d"), FormatError);
}

TEST_CASE("a block file of another block or run is refused with the reason") {
  const TemporaryFolder folder;
  write_block_file(folder / "block", made_block());
  const auto open = [&](std::size_t index, const char* print) {
    return message_of<FormatError>([&] { BlockFile(folder / "block", index, print); });
  };
  CHECK(holds(open(2, "print"), "holds block 3, expected 2"));
  CHECK(holds(open(3, "other"), "expected other"));
}

TEST_CASE("any changed or missing byte of a block file is found") {
  const TemporaryFolder folder;
  write_block_file(folder / "block", made_block());
  const std::string whole = read_file(folder / "block");
  for (std::size_t at = 0; at < whole.size(); at += 1 + at % 7) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_file(folder / "damaged", damaged);
    INFO("byte " << at);
    CHECK_THROWS_AS(BlockFile(folder / "damaged", 3, "print"), FormatError);
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    write_file(folder / "damaged", whole.substr(0, size));
    CHECK_THROWS_AS(BlockFile(folder / "damaged", 3, "print"), FormatError);
  }
}

TEST_CASE("hidden states come back exactly, and damage to them is found") {
  const TemporaryFolder folder;
  Matrix hidden(5, 7);
  for (std::size_t i = 0; i < hidden.size(); ++i)
    hidden.data()[i] = 1.0f / static_cast<float>(i + 1);
  const std::string hash = write_state_file(folder / "state", hidden);
  const Matrix back = read_state_file(folder / "state", hash, 5, 7);
  CHECK(std::equal(hidden.data(), hidden.data() + hidden.size(), back.data()));
  CHECK_THROWS_AS(read_state_file(folder / "state", hash, 7, 5), FormatError);
  CHECK_THROWS_AS(read_state_file(folder / "state", std::string(32, '0'), 5, 7), FormatError);
}

}  // namespace
}  // namespace libquant
