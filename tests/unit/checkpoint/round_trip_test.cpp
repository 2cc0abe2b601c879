#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/half.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/edit_folder.h"
#include "tests/support/schemes.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

WriteOptions options_for(Format format, DType type) {
  WriteOptions options;
  options.format = format;
  options.dense_type = options.embedding_type = type;
  return options;
}

// Independent of the writer's own check: every code and parameter, read back, against the source.
void check_same_codes(const CodedCheckpoint& source, const Checkpoint& written) {
  for (const auto& [name, expected] : source.codes) {
    INFO(name);
    const std::optional<QuantizedMatrix> found = written.quantized(name);
    REQUIRE(found.has_value());
    CHECK(found->codes == expected.codes);
    CHECK(found->zeros == expected.zeros);
    CHECK(found->group_of == expected.group_of);
    CHECK(found->scheme.zero == expected.scheme.zero);
    CHECK(found->scheme.bits == expected.scheme.bits);
    // Parameters per column: a format may repeat those of a wide group.
    for (std::size_t r = 0; r < expected.rows; ++r)
      for (std::size_t c = 0; c < expected.cols; c += 32) {
        const std::size_t a = r * expected.groups() + expected.group(c);
        const std::size_t b = r * found->groups() + found->group(c);
        if (found->scales[b] != expected.scales[a]) FAIL("scale of row " << r << ", column " << c);
        if (!expected.minimums.empty() && found->minimums[b] != expected.minimums[a])
          FAIL("minimum of row " << r << ", column " << c);
      }
    Matrix values = written.load(name);
    const Matrix wanted = dequantize(expected);
    CHECK(std::equal(wanted.data(), wanted.data() + wanted.size(), values.data()));
    CHECK(written.info(name).quantized);
  }
}

void check_dense(const CodedCheckpoint& source, const Checkpoint& written,
                 const std::function<float(float)>& round) {
  CHECK(written.names() == source.names());
  for (const std::string& name : source.names()) {
    if (source.codes.count(name) != 0) continue;
    INFO(name);
    const Matrix expected = source.load(name), found = written.load(name);
    REQUIRE(found.size() == expected.size());
    const bool vector = expected.rows() == 1;
    bool equal = true;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const bool kept = vector && written.format() == "gguf";
      equal = equal && found.data()[i] == (kept ? expected.data()[i] : round(expected.data()[i]));
    }
    CHECK(equal);
  }
}

float round_bf16(float value) { return bf16_to_f32(f32_to_bf16(value)); }
float round_f16(float value) { return f16_to_f32(f32_to_f16(value)); }

std::unique_ptr<Checkpoint> write_and_open(const Checkpoint& source,
                                           const std::filesystem::path& path,
                                           const WriteOptions& options) {
  write_checkpoint(source, path, options);
  return open_checkpoint(path);
}

void check_every_scheme(Format format, DType type, std::size_t expected_count) {
  std::size_t count = 0;
  for (const int bits : test_support::kAllBits)
    for (const std::size_t group : test_support::kAllGroups)
      for (const ZeroKind zero : test_support::kAllZeros) {
        Scheme scheme{bits, group, zero, ScaleType::f16, 0};
        scheme = adapt(format, scheme, type);
        INFO(to_string(format) << " " << to_string(scheme));
        CodedCheckpoint source(export_config());
        source.quantize(scheme);
        const TemporaryFolder folder;
        const auto path = folder / "model";
        const bool held = why_not(format, scheme, 128, 128).empty();
        if (!held) {
          CHECK_THROWS_AS(write_checkpoint(source, path, options_for(format, type)), NotSupported);
          CHECK(folder.names().empty());
          continue;
        }
        ++count;
        const auto written = write_and_open(source, path, options_for(format, type));
        CHECK(written->format() == to_string(format));
        check_same_codes(source, *written);
        check_dense(source, *written, type == DType::bf16 ? round_bf16 : round_f16);
      }
  CHECK(count == expected_count);
}

}  // namespace

TEST_CASE("compressed-tensors keeps every code and parameter of every scheme it holds",
          "[checkpoint]") {
  check_every_scheme(Format::compressed_tensors, DType::bf16, 6 * 4 * 2);
}

TEST_CASE("GPTQ v1 keeps every code and parameter of every scheme it holds", "[checkpoint]") {
  check_every_scheme(Format::gptq, DType::f16, 4 * 4 * 2);
}

TEST_CASE("GPTQ v2 keeps every code and parameter of every scheme it holds", "[checkpoint]") {
  check_every_scheme(Format::gptq_v2, DType::f16, 4 * 4 * 2);
}

TEST_CASE("GGUF keeps every code and parameter of every scheme it holds", "[checkpoint]") {
  check_every_scheme(Format::gguf, DType::f16, 2 * 4 + 4);
}

TEST_CASE("every family goes through every format with its biases and norms", "[checkpoint]") {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    for (const Format format : formats()) {
      INFO(family << " as " << to_string(format));
      CodedCheckpoint source(export_config(family));
      source.quantize(adapt(format, {}, DType::f16));
      const TemporaryFolder folder;
      const auto written =
          write_and_open(source, folder / "model", options_for(format, DType::f16));
      if (format == Format::safetensors) {
        CHECK(written->type_name() == "F16");
        CHECK(written->names() == source.names());
      } else {
        check_same_codes(source, *written);
        check_dense(source, *written, round_f16);
      }
      // GGUF has no architecture of its own for Mistral.
      const bool renamed = format == Format::gguf && std::string(family) == "mistral";
      CHECK(written->config().family == (renamed ? "llama" : family));
      CHECK(written->config().attention_bias == source.config().attention_bias);
    }
  }
}

TEST_CASE("biases of all linear layers and tied embeddings survive every format", "[checkpoint]") {
  for (const Format format : formats()) {
    INFO(to_string(format));
    ModelConfig config = export_config();
    config.attention_bias = config.output_bias = config.mlp_bias = true;
    config.tied_embeddings = true;
    CodedCheckpoint source(config);
    if (format != Format::safetensors) source.quantize(adapt(format, {}, DType::f16));
    const TemporaryFolder folder;
    const auto written = write_and_open(source, folder / "model", options_for(format, DType::f16));
    CHECK_FALSE(written->has("lm_head.weight"));
    CHECK(written->has("model.layers.0.mlp.down_proj.bias"));
    check_dense(source, *written, round_f16);
    CHECK(written->config() == config);
  }
}

TEST_CASE("layers of several schemes and dense ones among them survive", "[checkpoint]") {
  for (const Format format :
       {Format::compressed_tensors, Format::gptq, Format::gptq_v2, Format::gguf}) {
    INFO(to_string(format));
    ModelConfig config = export_config();
    config.layers = 3;
    CodedCheckpoint source(config);
    source.quantize(adapt(format, {}, DType::f16));
    const auto other = [&](const std::string& module, int bits, std::size_t group) {
      Scheme scheme =
          adapt(format, {bits, group, ZeroKind::symmetric, ScaleType::f16, 0}, DType::f16);
      QuantizedMatrix& old = source.codes[module + ".weight"];
      old = random_codes(scheme, old.rows, old.cols, 99);
    };
    for (std::size_t layer = 0; layer < 3; ++layer)
      other(linear_name(layer, LinearRole::down), 8, 32);
    other(linear_name(1, LinearRole::up), 8, 0);
    source.codes.erase("model.layers.2.self_attn.v_proj.weight");
    source.codes.erase("model.layers.0.self_attn.o_proj.weight");
    const TemporaryFolder folder;
    const auto written = write_and_open(source, folder / "model", options_for(format, DType::f16));
    check_same_codes(source, *written);
    check_dense(source, *written, round_f16);
    CHECK_FALSE(written->quantized("model.layers.2.self_attn.v_proj.weight").has_value());
  }
}

TEST_CASE("columns in groups of their own survive GPTQ and are refused elsewhere", "[checkpoint]") {
  for (const Format format : formats()) {
    if (format == Format::safetensors) continue;
    INFO(to_string(format));
    CodedCheckpoint source(export_config());
    source.quantize(adapt(format, {}, DType::f16));
    for (auto& [name, codes] : source.codes) {
      codes.group_of.resize(codes.cols);
      for (std::size_t c = 0; c < codes.cols; ++c)
        codes.group_of[c] = static_cast<std::uint32_t>((c * 7 + 1) % codes.groups());
    }
    const TemporaryFolder folder;
    const auto options = options_for(format, DType::f16);
    if (format == Format::gptq || format == Format::gptq_v2) {
      const auto written = write_and_open(source, folder / "model", options);
      check_same_codes(source, *written);
      const Json config = Json::parse_file(folder / "model/config.json");
      CHECK(config.at("quantization_config").at("desc_act") == Json(true));
    } else {
      const std::string message =
          message_of<NotSupported>([&] { write_checkpoint(source, folder / "model", options); });
      check_mentions(message, {"q_proj", "g_idx", "gptq and gptq_v2"});
    }
  }
}

TEST_CASE("a model in four shards reads like the one in one file", "[checkpoint]") {
  for (const Format format : {Format::safetensors, Format::compressed_tensors, Format::gptq}) {
    INFO(to_string(format));
    CodedCheckpoint source(export_config());
    if (format != Format::safetensors) source.quantize(adapt(format, {}, DType::f16));
    const TemporaryFolder folder;
    WriteOptions options = options_for(format, DType::f16);
    const auto whole = write_and_open(source, folder / "whole", options);
    options.shard_bytes = std::filesystem::file_size(folder / "whole/model.safetensors") / 3;
    const auto files = write_checkpoint(source, folder / "parts", options);
    const auto parts = open_checkpoint(folder / "parts");
    std::size_t shards = 0;
    for (const auto& file : files) shards += file.extension() == ".safetensors";
    CHECK(shards == 4);
    CHECK(parts->content_hash() == whole->content_hash());
  }
}

TEST_CASE("sizes that misalign tensors are stored with the wide types first", "[checkpoint]") {
  ModelConfig config = export_config();
  config.vocabulary_size = 263;  // 263 x 129 values of two bytes end at an odd multiple of two
  config.hidden_size = 129;
  CodedCheckpoint source(config);
  source.quantize({4, 0, ZeroKind::asymmetric, ScaleType::f16, 0});
  const TemporaryFolder folder;
  const auto written =
      write_and_open(source, folder / "model", options_for(Format::compressed_tensors, DType::f16));
  check_same_codes(source, *written);
  check_dense(source, *written, round_f16);
}

TEST_CASE("every end of an answer that a GGUF names reaches generation_config.json",
          "[checkpoint]") {
  CodedCheckpoint source(export_config("llama"));
  const TemporaryFolder folder;
  const auto ends = [&](const std::string& name) {
    const auto gguf =
        write_and_open(source, folder / (name + ".gguf"), options_for(Format::gguf, DType::f32));
    CHECK(gguf->tokenizer().eot == source.spec.eot);
    const auto dense =
        write_and_open(*gguf, folder / name, options_for(Format::safetensors, DType::f32));
    return dense->generation_config().find("eos_token_id")->dump();
  };
  source.spec.eos = 1;
  CHECK(ends("one") == "1");
  source.spec.eot = 2;
  source.spec.eom = 1;
  CHECK(ends("two") == "[1, 2]");
}

TEST_CASE("a model goes from GGUF to a folder and back without losing a bit", "[checkpoint]") {
  for (const char* family : {"llama", "qwen2", "qwen3"}) {
    INFO(family);
    CodedCheckpoint source(export_config(family));
    source.quantize({4, 32, ZeroKind::minimum, ScaleType::f16, 0});
    const TemporaryFolder folder;
    const auto first =
        write_and_open(source, folder / "a.gguf", options_for(Format::gguf, DType::f32));
    const auto dense =
        write_and_open(*first, folder / "dense", options_for(Format::safetensors, DType::f32));
    CHECK(dense->type_name() == "F32");
    for (const std::string& name : source.names()) {
      INFO(name);
      const Matrix expected = source.load(name), found = dense->load(name);
      REQUIRE(found.size() == expected.size());
      CHECK(std::equal(expected.data(), expected.data() + expected.size(), found.data()));
    }
    const auto again =
        write_and_open(*dense, folder / "b.gguf", options_for(Format::gguf, DType::f32));
    CHECK(again->config() == first->config());
    CHECK(again->tokenizer() == first->tokenizer());
    const Matrix q = again->load("model.layers.0.self_attn.q_proj.weight");
    const Matrix wanted = source.load("model.layers.0.self_attn.q_proj.weight");
    CHECK(std::equal(wanted.data(), wanted.data() + wanted.size(), q.data()));
  }
}
