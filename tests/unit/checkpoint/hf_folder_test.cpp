#include <cmath>
#include <limits>

#include "libquant/checkpoint/write_checkpoint.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/edit_folder.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

constexpr const char* kQ = "model.layers.0.self_attn.q_proj.weight";

// A dense folder in f32, in one file or in shards.
class DenseFolder {
 public:
  explicit DenseFolder(std::size_t shard_bytes = std::size_t{1} << 30,
                       ModelConfig config = export_config())
      : source(std::move(config)) {
    write_checkpoint(source, path(),
                     {.format = Format::safetensors,
                      .dense_type = DType::f32,
                      .embedding_type = DType::f32,
                      .shard_bytes = shard_bytes,
                      .metadata = {}});
  }
  std::filesystem::path path() const { return folder_ / "model"; }
  std::filesystem::path operator/(const char* name) const { return path() / name; }
  void edit(const std::function<void(EditedTensors&)>& change) const {
    edit_tensors(path(), change);
  }

  CodedCheckpoint source;

 private:
  TemporaryFolder folder_;
};

template <typename E = FormatError>
void check_refused(const std::filesystem::path& path, const std::vector<std::string>& mentions) {
  check_mentions(message_of<E>([&] { open_checkpoint(path); }), mentions);
}

}  // namespace

TEST_CASE("a dense folder is read tensor by tensor and by rows", "[checkpoint]") {
  const DenseFolder folder;
  const auto model = open_checkpoint(folder.path());
  CHECK(model->format() == "safetensors");
  CHECK(model->type_name() == "F32");
  CHECK(model->config() == folder.source.config());
  CHECK(model->tokenizer().tokens == folder.source.spec.tokens);
  CHECK(model->names() == folder.source.names());
  const WeightSource::Info info = model->info(kQ);
  CHECK(info.rows == 128);
  CHECK(info.cols == 128);
  CHECK_FALSE(info.quantized);
  Matrix rows(3, 128);
  model->load_rows(kQ, 125, rows);
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 128; ++c) CHECK(rows(r, c) == folder.source.tensor(kQ)(125 + r, c));
  CHECK_THROWS_AS(model->load_rows(kQ, 126, rows), InvalidArgument);
  CHECK_THROWS_AS(model->load_rows(kQ, std::size_t(-1), rows), InvalidArgument);
  check_mentions(message_of<FormatError>([&] { model->info("model.nothing"); }), {"model.nothing"});
}

TEST_CASE("the content hash sees values, the config and the tokenizer", "[checkpoint]") {
  const DenseFolder folder;
  const std::string hash = open_checkpoint(folder.path())->content_hash();
  CHECK(hash.size() == 32);
  CHECK(open_checkpoint(folder.path())->content_hash() == hash);
  edit_json(folder / "config.json", [](Json& json) { json.set("rope_theta", 10001.0); });
  const std::string other = open_checkpoint(folder.path())->content_hash();
  CHECK(other != hash);
  folder.edit([](EditedTensors& tensors) { tensors[kQ].bytes[77] ^= 1; });
  CHECK(open_checkpoint(folder.path())->content_hash() != other);
  edit_json(folder / "config.json", [](Json& json) { json.set("rope_theta", 10000.0); });
  edit_json(folder / "tokenizer.json", [](Json& json) {
    json.set("model", [&] {
      Json model = json.at("model");
      model.set("ignore_merges", true);
      return model;
    }());
  });
  CHECK(open_checkpoint(folder.path())->content_hash() != hash);
}

TEST_CASE("files that a folder needs are missed by name", "[checkpoint]") {
  const DenseFolder folder;
  check_refused<Error>(folder / "nowhere", {"nowhere", "does not exist"});
  std::filesystem::remove(folder / "tokenizer.json");
  const auto model = open_checkpoint(folder.path());
  check_mentions(message_of<FormatError>([&] { model->tokenizer(); }), {"tokenizer.json"});
  std::filesystem::rename(folder / "model.safetensors", folder / "pytorch_model.bin");
  check_refused(folder.path(), {"model.safetensors", "pytorch_model.bin"});
  std::filesystem::remove(folder / "config.json");
  check_refused(folder.path(), {"no config.json"});
  write_file(folder / "config.json", "{");
  check_refused(folder.path(), {"config.json"});
}

TEST_CASE("tensors that are missing, left over or of another shape are named", "[checkpoint]") {
  const DenseFolder folder;
  const EditedTensors original = read_tensors(folder / "model.safetensors");
  const auto refused = [&](const std::function<void(EditedTensors&)>& change,
                           const std::vector<std::string>& mentions) {
    EditedTensors tensors = original;
    change(tensors);
    write_tensors(folder / "model.safetensors", tensors);
    check_refused(folder.path(), mentions);
  };
  refused([](auto& t) { t.erase(kQ); }, {"missing tensors", kQ});
  refused([](auto& t) { t.erase("lm_head.weight"); }, {"missing tensors: lm_head.weight"});
  refused(
      [](auto& t) {
        while (t.size() > 6) t.erase(t.begin());
      },
      {"missing tensors", "and 1 more"});
  refused([](auto& t) { t["model.layers.0.self_attn.q_proj.bias"] = t["model.norm.weight"]; },
          {"q_proj.bias", "no place"});
  refused([](auto& t) { t["model.layers.1.input_layernorm.weight"] = t["model.norm.weight"]; },
          {"model.layers.1.input_layernorm.weight"});
  refused([](auto& t) { t[kQ].shape = {64, 256}; }, {kQ, "[64, 256]", "[128, 128]"});
  refused(
      [](auto& t) {
        t["model.norm.weight"].shape = {1, 128};
      },
      {"model.norm.weight", "[1, 128]", "[128]"});
  refused([](auto& t) { t[kQ].dtype = DType::i32; }, {kQ, "I32", "F32, F16 or BF16"});
  // Buffers of old transformers versions are no weights.
  EditedTensors with_buffer = original;
  with_buffer["model.layers.0.self_attn.rotary_emb.inv_freq"] = with_buffer["model.norm.weight"];
  write_tensors(folder / "model.safetensors", with_buffer);
  CHECK_NOTHROW(open_checkpoint(folder.path()));
}

TEST_CASE("tied embeddings need no lm_head, and one that is there is left alone", "[checkpoint]") {
  const DenseFolder folder;
  edit_json(folder / "config.json", [](Json& json) { json.set("tie_word_embeddings", true); });
  const auto model = open_checkpoint(folder.path());
  CHECK_FALSE(model->has("lm_head.weight"));
  CHECK(model->config().tied_embeddings);
}

TEST_CASE("weights that are not finite are refused with their row", "[checkpoint]") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    const DenseFolder folder;
    folder.edit([&](EditedTensors& tensors) { tensors[kQ].as<float>()[5 * 128 + 3] = bad; });
    const auto model = open_checkpoint(folder.path());
    check_mentions(message_of<FormatError>([&] { model->load(kQ); }), {kQ, "row 5"});
    CHECK_NOTHROW(model->load("model.norm.weight"));
  }
}

TEST_CASE("an index and its shards must agree", "[checkpoint]") {
  const DenseFolder folder(200'000);
  const auto index = folder / "model.safetensors.index.json";
  const std::string original = read_file(index);
  CHECK(open_checkpoint(folder.path())->names() == folder.source.names());
  const auto refused = [&](const std::function<void(Json&)>& change,
                           const std::vector<std::string>& mentions) {
    write_file(index, original);
    edit_json(index, [&](Json& json) {
      Json map = json.at("weight_map");
      change(map);
      json.set("weight_map", map);
    });
    check_refused(folder.path(), mentions);
  };
  refused([](Json& map) { map.set(kQ, "model-00009-of-00009.safetensors"); },
          {"model-00009-of-00009.safetensors", "not in the folder", kQ});
  refused([](Json& map) { map.set("model.other", map.at(kQ)); },
          {"model.other", "not in its shard"});
  refused([](Json& map) { map = without(map, kQ); }, {kQ, "not listed"});
  refused([](Json& map) { map.set(kQ, map.at("model.norm.weight")); }, {kQ, "not in its shard"});
  for (const char* outside : {"../model.safetensors", "/etc/passwd", "..", ".", "", "a/b"})
    refused([&](Json& map) { map.set(kQ, outside); }, {"not a plain file name"});
  refused([](Json& map) { map.set(kQ, 3); }, {});
  refused([](Json& map) { map = Json(Json::Object{}); }, {"weight_map is empty"});
  write_file(index, "{}");
  check_refused(folder.path(), {"weight_map"});
}

TEST_CASE("a tensor in two shards and a shard cut short are refused", "[checkpoint]") {
  const DenseFolder folder(200'000);
  std::vector<std::filesystem::path> shards;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
  std::sort(shards.begin(), shards.end());
  REQUIRE(shards.size() >= 3);
  const std::string first = read_file(shards[0]);
  write_file(shards[0], first.substr(0, first.size() - 1));
  check_refused(folder.path(), {shards[0].filename().string()});
  EditedTensors tensors = read_tensors(shards[1]);
  write_file(shards[0], first);
  const std::string name = read_tensors(shards[2]).begin()->first;
  tensors[name] = read_tensors(shards[2]).begin()->second;
  write_tensors(shards[1], tensors);
  check_refused(folder.path(), {name, "two shards"});
}

TEST_CASE("quantization methods that libquant does not read are refused by name", "[checkpoint]") {
  const DenseFolder folder;
  const auto set = [&](const char* text) {
    edit_json(folder / "config.json",
              [&](Json& json) { json.set("quantization_config", Json::parse(text, "test")); });
  };
  set(R"({"quant_method": "awq", "bits": 4})");
  check_refused<NotSupported>(folder.path(), {"awq", "compressed-tensors and gptq"});
  set(R"({"bits": 4})");
  check_refused<NotSupported>(folder.path(), {"quant_method", "missing"});
  set(R"({"quant_method": 4})");
  check_refused(folder.path(), {"quant_method"});
  set("null");
  CHECK_NOTHROW(open_checkpoint(folder.path()));
}

TEST_CASE("the chat template may lie in a file of its own", "[checkpoint]") {
  const DenseFolder folder;
  edit_json(folder / "tokenizer_config.json",
            [](Json& json) { json = without(json, "chat_template"); });
  CHECK(open_checkpoint(folder.path())->tokenizer().chat_template.empty());
  write_file(folder / "chat_template.jinja", "{{ messages }}");
  CHECK(open_checkpoint(folder.path())->tokenizer().chat_template == "{{ messages }}");
}
