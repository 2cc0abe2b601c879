#include <limits>

#include "libquant/checkpoint/rope_factors.h"
#include "libquant/checkpoint/tensor_specs.h"
#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/io/gguf.h"
#include "libquant/model/model.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/family_case.h"
#include "tests/support/files.h"
#include "tests/support/logits_distance.h"
#include "tests/support/real_data.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

WriteOptions gguf_options(DType type = DType::f32) {
  return {.format = Format::gguf, .dense_type = type, .embedding_type = type, .metadata = {}};
}

// A GGUF file taken apart: tests change it and put it together again.
class GgufParts {
 public:
  struct Tensor {
    GgufWriter::Entry entry;
    std::vector<std::byte> bytes;
  };
  explicit GgufParts(const Checkpoint& source) {
    const auto path = folder_ / "original.gguf";
    write_checkpoint(source, path, gguf_options());
    const GgufFile file(path);
    metadata = file.metadata();
    for (const StoredTensor& tensor : file.tensors())
      tensors.push_back(
          {{tensor.name, tensor.dtype, tensor.shape}, {tensor.bytes.begin(), tensor.bytes.end()}});
  }

  Tensor& tensor(std::string_view name) {
    for (Tensor& tensor : tensors)
      if (tensor.entry.name == name) return tensor;
    FAIL("no tensor " << name);
    return tensors.front();
  }
  void remove(std::string_view name) {
    std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.entry.name == name; });
  }
  void remove_key(std::string_view key) {
    std::erase_if(metadata.entries, [&](const auto& entry) { return entry.first == key; });
  }
  std::filesystem::path write() const {
    std::vector<GgufWriter::Entry> entries;
    for (const Tensor& tensor : tensors) entries.push_back(tensor.entry);
    const auto path = folder_ / "edited.gguf";
    GgufWriter writer(path, metadata, entries);
    for (const Tensor& tensor : tensors) writer.append(tensor.bytes);
    writer.commit();
    return path;
  }
  template <typename E = FormatError>
  void refused(const std::vector<std::string>& mentions) const {
    check_mentions(message_of<E>([&] { open_checkpoint(write()); }), mentions);
  }

  GgufMetadata metadata;
  std::vector<Tensor> tensors;

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("a llama GGUF holds the rows of q and k in llama.cpp's order", "[checkpoint]") {
  ModelConfig config = export_config();
  config.attention_bias = config.output_bias = true;
  CodedCheckpoint source(config);
  GgufParts parts(source);
  const auto check = [&](const char* gguf, const char* name, bool permuted, bool vector) {
    INFO(gguf);
    const GgufParts::Tensor& stored = parts.tensor(gguf);
    REQUIRE(stored.entry.dtype == DType::f32);
    const Matrix& original = source.tensor(name);
    const std::size_t width = vector ? 1 : original.cols();
    const std::size_t rows = vector ? original.cols() : original.rows();
    bool equal = stored.bytes.size() == rows * width * sizeof(float);
    for (std::size_t r = 0; r < rows && equal; ++r) {
      // Heads of 64: stored rows 0, 1, 2, ... are rows 0, 32, 1, 33, ... of Hugging Face's.
      const std::size_t within = r % 64;
      const std::size_t row = permuted ? r - within + within / 2 + within % 2 * 32 : r;
      equal = std::memcmp(stored.bytes.data() + r * width * sizeof(float),
                          original.data() + row * width, width * sizeof(float)) == 0;
    }
    CHECK(equal);
  };
  const std::string layer = "model.layers.0.self_attn.";
  check("blk.0.attn_q.weight", (layer + "q_proj.weight").c_str(), true, false);
  check("blk.0.attn_k.weight", (layer + "k_proj.weight").c_str(), true, false);
  check("blk.0.attn_q.bias", (layer + "q_proj.bias").c_str(), true, true);
  check("blk.0.attn_k.bias", (layer + "k_proj.bias").c_str(), true, true);
  check("blk.0.attn_v.weight", (layer + "v_proj.weight").c_str(), false, false);
  check("blk.0.attn_output.weight", (layer + "o_proj.weight").c_str(), false, false);
}

TEST_CASE("a qwen2 GGUF keeps the rows of q and k as they are", "[checkpoint]") {
  CodedCheckpoint source(export_config("qwen2"));
  GgufParts parts(source);
  const Matrix& q = source.tensor("model.layers.0.self_attn.q_proj.weight");
  CHECK(std::memcmp(parts.tensor("blk.0.attn_q.weight").bytes.data(), q.data(),
                    q.size() * sizeof(float)) == 0);
}

TEST_CASE("every family gives transformers' logits after a journey through GGUF", "[checkpoint]") {
  for (const std::string& name : family_case_names()) {
    const FamilyCase item = read_family_case(name);
    INFO(name);
    CodedCheckpoint source(item.config);
    source.spec = tiny_tokenizer();
    source.spec.tokens.resize(item.config.vocabulary_size);
    source.spec.types.resize(item.config.vocabulary_size);
    source.spec.merges.clear();
    source.spec.added.clear();
    source.spec.bos = source.spec.eos = source.spec.unk = source.spec.pad = -1;
    const TemporaryFolder folder;
    const auto write = [&] { write_checkpoint(source, folder / "a.gguf", gguf_options()); };
    if (name.find("dynamic") != std::string::npos || name == "llama_yarn_options" ||
        name == "qwen2_window") {
      CHECK_THROWS_AS(write(), NotSupported);  // GGUF has no keys for these
      continue;
    }
    write();
    const Model model(*open_checkpoint(folder / "a.gguf"));
    const Matrix hidden = model.hidden_states({item.ids, {item.ids.size()}});
    Matrix logits(item.positions.size(), item.config.vocabulary_size);
    for (std::size_t i = 0; i < item.positions.size(); ++i) {
      const Matrix row = model.logits(hidden.view().row_range(item.positions[i], 1));
      std::copy(row.data(), row.data() + row.size(), logits.row(i).data());
    }
    const ConstMatrixView expected{item.logits.data(), logits.rows(), logits.cols(), logits.cols()};
    CHECK(distance(logits, expected) <= 2e-4);
  }
}

TEST_CASE("llama3 factors leave a GGUF as the rope_scaling they came from", "[checkpoint]") {
  ModelConfig config = export_config();
  config.rope.scaling = RopeConfig::Scaling::llama3;
  config.rope.factor = 8;
  config.rope.original_max_positions = 8192;
  config.rope.theta = 500000;
  config.max_positions = 65536;
  const CodedCheckpoint source(config);
  const TemporaryFolder folder;
  write_checkpoint(source, folder / "a.gguf", gguf_options());
  const auto gguf = open_checkpoint(folder / "a.gguf");
  CHECK(gguf->config().rope.frequency_factors.size() == 32);
  write_checkpoint(*gguf, folder / "b",
                   {.format = Format::safetensors,
                    .dense_type = DType::f32,
                    .embedding_type = DType::f32,
                    .metadata = {}});
  CHECK(open_checkpoint(folder / "b")->config() == config);
}

TEST_CASE("metadata that a model needs is missed by key", "[checkpoint]") {
  const CodedCheckpoint source(export_config());
  for (const char* key : {"general.architecture", "llama.embedding_length", "llama.block_count",
                          "llama.feed_forward_length", "llama.attention.head_count",
                          "llama.context_length", "llama.attention.layer_norm_rms_epsilon"}) {
    GgufParts parts(source);
    parts.remove_key(key);
    parts.refused({key, "missing"});
  }
  GgufParts parts(source);
  parts.metadata.set("general.architecture", GgufValue::string("mamba"));
  parts.refused<NotSupported>({"mamba", "llama, qwen2, qwen3"});
  parts.metadata.set("general.architecture", GgufValue::string("llama"));
  parts.metadata.set("llama.block_count", GgufValue::string("one"));
  parts.refused({"llama.block_count"});
  parts.metadata.set("llama.block_count", GgufValue::u32(0));
  parts.refused({"llama.block_count", "0"});
  parts.metadata.set("llama.block_count", GgufValue::u32(2));
  parts.refused({"missing tensor blk.1."});
  parts.metadata.set("llama.block_count", GgufValue::u32(1));
  parts.metadata.set("llama.attention.layer_norm_rms_epsilon",
                     GgufValue::f32(std::numeric_limits<float>::quiet_NaN()));
  parts.refused({"layer_norm_rms_epsilon"});
  parts.metadata.set("llama.attention.layer_norm_rms_epsilon", GgufValue::f32(1e-5f));
  parts.metadata.set("llama.rope.dimension_count", GgufValue::u32(32));
  parts.refused<NotSupported>({"rope.dimension_count", "32"});
  parts.metadata.set("llama.rope.dimension_count", GgufValue::u32(64));
  parts.metadata.set("llama.rope.scaling.type", GgufValue::string("spiral"));
  parts.refused<NotSupported>({"rope.scaling.type", "spiral"});
  parts.metadata.set("llama.rope.scaling.type", GgufValue::string("longrope"));
  parts.refused({"rope_factors_short.weight"});
  parts.metadata.set("llama.rope.scaling.type", GgufValue::string("none"));
  CHECK_NOTHROW(open_checkpoint(parts.write()));
  parts.metadata.set("split.count", GgufValue::u32(3));
  parts.refused<NotSupported>({"one of 3 files"});
}

TEST_CASE("GGUF tensors that are missing, left over or of another shape are named",
          "[checkpoint]") {
  const CodedCheckpoint source(export_config());
  {
    GgufParts parts(source);
    parts.remove("blk.0.ffn_up.weight");
    parts.refused({"missing tensor blk.0.ffn_up.weight"});
  }
  {
    GgufParts parts(source);
    parts.remove("token_embd.weight");
    parts.refused({"missing tensor token_embd.weight"});
  }
  {
    GgufParts parts(source);
    parts.tensors.push_back(
        {{"blk.0.ffn_gate_inp.weight", DType::f32, {4}}, std::vector<std::byte>(16)});
    parts.refused({"blk.0.ffn_gate_inp.weight", "no place"});
  }
  {
    GgufParts parts(source);
    parts.tensor("blk.0.ffn_up.weight").entry.shape = {128, 256};
    parts.refused({"blk.0.ffn_up.weight", "[128, 256]", "[256, 128]"});
  }
  {
    GgufParts parts(source);
    parts.tensor("blk.0.ffn_up.weight").entry.dtype = DType::i32;
    parts.refused({"blk.0.ffn_up.weight", "I32"});
  }
  {
    GgufParts parts(source);
    parts.tensors.push_back({{"rope_freqs.weight", DType::f32, {31}}, std::vector<std::byte>(124)});
    parts.refused({"rope_freqs.weight", "31", "32"});
  }
  {
    GgufParts parts(source);
    parts.remove("output.weight");
    CHECK(open_checkpoint(parts.write())->config().tied_embeddings);
  }
}

TEST_CASE("GGUF weights that are not finite are refused with their row", "[checkpoint]") {
  const CodedCheckpoint source(export_config());
  GgufParts parts(source);
  const float bad = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(parts.tensor("blk.0.ffn_down.weight").bytes.data() + (7 * 256 + 3) * sizeof bad, &bad,
              sizeof bad);
  const auto model = open_checkpoint(parts.write());
  check_mentions(
      message_of<FormatError>([&] { model->load("model.layers.0.mlp.down_proj.weight"); }),
      {"down_proj", "row 7"});
}

TEST_CASE("the demonstration model is announced by its stored type", "[checkpoint]") {
  const auto path = demonstration_model();
  if (!path) return;
  const auto model = open_checkpoint(*path);
  CHECK(model->format() == "gguf");
  CHECK(model->type_name() == "Q4_1");
  CHECK(model->info("model.embed_tokens.weight").type == "Q8_0");
  CHECK(model->info("model.norm.weight").type == "F32");
  CHECK(model->config().family == "llama");
  CHECK(model->config().layers == 30);
  CHECK(model->config().rope.theta == 100000);
  CHECK(model->config().rms_epsilon == 1e-5);
  CHECK(model->config().tied_embeddings);
  // The gguf package's values of two rows of q, permuted back: of sums, so that no row order but
  // the right one gives them.
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const Matrix values = model->load(q);
  const QuantizedMatrix codes = model->quantized(q).value();
  const Matrix decoded = dequantize(codes);
  CHECK(std::equal(values.data(), values.data() + values.size(), decoded.data()));
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    sum += double{values.data()[i]} * static_cast<double>(i % 7 + 1);
  CHECK(sum == Approx(250.08290100097656).epsilon(1e-12));
}
