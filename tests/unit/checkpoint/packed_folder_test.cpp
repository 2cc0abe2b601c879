#include <limits>
#include <vector>

#include "libquant/checkpoint/write_checkpoint.h"
#include "libquant/core/half.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/edit_folder.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

constexpr const char* kUp = "model.layers.0.mlp.up_proj";

class PackedFolder {
 public:
  PackedFolder(Format format, Scheme scheme, ModelConfig config = export_config())
      : source(std::move(config)) {
    source.quantize(adapt(format, scheme, DType::f16));
    write_checkpoint(
        source, path(),
        {.format = format, .dense_type = DType::f16, .embedding_type = DType::f16, .metadata = {}});
    original = read_tensors(path() / "model.safetensors");
  }
  std::filesystem::path path() const { return folder_ / "model"; }

  /// Changes quantization_config.
  void configure(const std::function<void(Json&)>& change) const {
    edit_json(path() / "config.json", [&](Json& json) {
      Json quantization = json.at("quantization_config");
      change(quantization);
      json.set("quantization_config", quantization);
    });
  }
  void edit(const std::function<void(EditedTensors&)>& change) const {
    EditedTensors tensors = original;
    change(tensors);
    write_tensors(path() / "model.safetensors", tensors);
  }
  template <typename E = FormatError>
  void refused(const std::vector<std::string>& mentions) const {
    check_mentions(message_of<E>([&] { open_checkpoint(path()); }), mentions);
  }
  /// Opens, but reading `kUp` fails.
  void unreadable(const std::vector<std::string>& mentions) const {
    const auto model = open_checkpoint(path());
    const std::string name = std::string(kUp) + ".weight";
    check_mentions(message_of<FormatError>([&] { model->load(name); }), mentions);
    check_mentions(message_of<FormatError>([&] { model->quantized(name); }), mentions);
  }
  QuantizedMatrix read(const std::string& module = kUp) const {
    return open_checkpoint(path())->quantized(module + ".weight").value();
  }
  const QuantizedMatrix& expected(const std::string& module = kUp) const {
    return source.codes.find(module + ".weight")->second;
  }

  CodedCheckpoint source;
  EditedTensors original;

 private:
  TemporaryFolder folder_;
};

std::string up(const char* suffix) { return std::string(kUp) + "." + suffix; }

constexpr Scheme kSymmetric{4, 64, ZeroKind::symmetric, ScaleType::f16, 0};
constexpr Scheme kAsymmetric{4, 64, ZeroKind::asymmetric, ScaleType::f16, 0};

}  // namespace

TEST_CASE("symmetric zeros of GPTQ are the golden words of v1 and v2", "[checkpoint]") {
  for (const auto& [format, word] :
       {std::pair(Format::gptq, 0x77777777u), std::pair(Format::gptq_v2, 0x88888888u)}) {
    PackedFolder folder(format, kSymmetric);
    EditedTensor& zeros = folder.original[up("qzeros")];
    REQUIRE(zeros.shape == std::vector<std::size_t>{2, 32});
    for (std::size_t i = 0; i < 2 * 32; ++i) CHECK(zeros.as<std::uint32_t>()[i] == word);
  }
}

TEST_CASE("packed tensors have the names, types and shapes of their format", "[checkpoint]") {
  const auto check = [](const PackedFolder& folder, const char* suffix, DType type,
                        const std::vector<std::size_t>& shape) {
    INFO(suffix);
    const auto found = folder.original.find(up(suffix));
    REQUIRE(found != folder.original.end());
    CHECK(found->second.dtype == type);
    CHECK(found->second.shape == shape);
  };
  // up_proj: 256 outputs, 128 inputs.
  PackedFolder ct(Format::compressed_tensors, {3, 64, ZeroKind::asymmetric, ScaleType::f16, 0});
  check(ct, "weight_packed", DType::i32, {256, 12});
  check(ct, "weight_scale", DType::f16, {256, 2});
  check(ct, "weight_zero_point", DType::i32, {24, 2});
  check(ct, "weight_shape", DType::i64, {2});
  CHECK(ct.original[up("weight_shape")].as<std::int64_t>()[0] == 256);
  CHECK(ct.original[up("weight_shape")].as<std::int64_t>()[1] == 128);
  CHECK(ct.original.count(up("weight")) == 0);
  PackedFolder gptq(Format::gptq, {3, 64, ZeroKind::asymmetric, ScaleType::f16, 0});
  check(gptq, "qweight", DType::i32, {12, 256});
  check(gptq, "qzeros", DType::i32, {2, 24});
  check(gptq, "scales", DType::f16, {2, 256});
  check(gptq, "g_idx", DType::i32, {128});
  for (std::int32_t k = 0; k < 128; ++k)
    CHECK(gptq.original[up("g_idx")].as<std::int32_t>()[k] == k / 64);
}

TEST_CASE("packed tensors that are missing or of another shape or type are refused",
          "[checkpoint]") {
  const auto check = [](Format format, const std::vector<const char*>& suffixes) {
    const PackedFolder folder(format, kAsymmetric);
    for (const char* suffix : suffixes) {
      const std::string name = up(suffix);
      INFO(name);
      folder.edit([&](auto& t) { t.erase(name); });
      folder.refused({name});
      folder.edit([&](auto& t) { t[name].shape.push_back(1); });
      folder.refused({name, "shape"});
      folder.edit([&](auto& t) {
        t[name].dtype = DType::f64,
        t[name].bytes.resize(t[name].bytes.size() * 8 /
                             traits(folder.original.at(name).dtype).block_bytes);
      });
      folder.refused({name, "F64"});
    }
  };
  check(Format::compressed_tensors,
        {"weight_scale", "weight_zero_point", "weight_shape", "weight_packed"});
  check(Format::gptq, {"scales", "qzeros"});
}

TEST_CASE("scales that are not finite are refused when they are read", "[checkpoint]") {
  for (const auto& [format, suffix] :
       {std::pair(Format::compressed_tensors, "weight_scale"), std::pair(Format::gptq, "scales")}) {
    const PackedFolder folder(format, kAsymmetric);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      folder.edit([&, name = up(suffix)](auto& t) {
        t[name].template as<std::uint16_t>()[5] = f32_to_f16(bad);
      });
      folder.unreadable({kUp});
    }
  }
}

TEST_CASE("a weight_shape that contradicts the config is refused", "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors, kSymmetric);
  folder.edit([](auto& t) { t[up("weight_shape")].template as<std::int64_t>()[1] = 127; });
  folder.refused({"weight_shape", "256 x 127", "256 x 128"});
}

TEST_CASE("the words of compressed-tensors before its dense bit stream are refused by name",
          "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors,
                            {3, 64, ZeroKind::symmetric, ScaleType::f16, 0});
  folder.edit([](auto& t) {
    EditedTensor& packed = t[up("weight_packed")];
    packed.shape = {256, 13};  // ten codes of three bits in a word
    packed.bytes.resize(256 * 13 * 4);
  });
  folder.refused<NotSupported>({"up_proj", "3 bits", "padded words"});
}

TEST_CASE("settings of compressed-tensors that libquant does not read are refused by name",
          "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors, kSymmetric);
  const std::string config = read_file(folder.path() / "config.json");
  const auto group = [&](const char* key, Json value) {
    write_file(folder.path() / "config.json", config);
    folder.configure([&](Json& json) {
      Json groups = json.at("config_groups"), first = groups.at("group_0");
      first.set(key, std::move(value));
      groups.set("group_0", first);
      json.set("config_groups", groups);
    });
  };
  const auto weights = [&](const char* key, Json value) {
    Json changed = Json::parse(config, "config")
                       .at("quantization_config")
                       .at("config_groups")
                       .at("group_0")
                       .at("weights");
    changed.set(key, std::move(value));
    group("weights", changed);
  };
  group("input_activations", Json::parse(R"({"num_bits": 8})", "test"));
  folder.refused<NotSupported>({"config_groups.group_0: input_activations", "weight-only"});
  group("format", "int-quantized");
  folder.refused<NotSupported>({"int-quantized", "pack-quantized"});
  weights("type", "float");
  folder.refused<NotSupported>({"weights: type", "float"});
  weights("strategy", "tensor");
  folder.refused<NotSupported>({"strategy", "tensor"});
  weights("dynamic", true);
  folder.refused<NotSupported>({"dynamic"});
  weights("num_bits", 7);
  folder.refused<NotSupported>({"7 bits"});
  weights("group_size", 48);
  folder.refused<NotSupported>({"groups of 48"});
  weights("group_size", -7);
  folder.refused({"group_size", "-7"});
  weights("num_bits", 8);
  folder.refused({"weight_packed", "shape"});
  weights("symmetric", false);
  folder.refused({"missing tensor", "weight_zero_point"});
  group("targets", nullptr);
  folder.refused({"targets is missing"});
  group("targets", Json::Array{Json("re:(")});
  folder.refused({"pattern", "("});
  group("targets", Json::Array{Json("re:.*down_proj")});
  folder.refused({"packed, but quantization_config does not target it"});
  write_file(folder.path() / "config.json", config);
  folder.configure([](Json& json) { json.set("kv_cache_scheme", Json(Json::Object{})); });
  folder.refused<NotSupported>({"KV cache"});
  write_file(folder.path() / "config.json", config);
  folder.configure([](Json& json) { json = without(json, "config_groups"); });
  folder.refused({"config_groups is missing"});
}

TEST_CASE("targets decide by name before pattern before class, and ignore before all",
          "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors, kSymmetric);
  folder.configure([](Json& json) {
    Json groups(Json::Object{});
    const Json right = json.at("config_groups").at("group_0").at("weights");
    Json wrong = right;
    wrong.set("num_bits", 8);
    const auto add = [&](const char* name, const char* target, const Json& weights) {
      Json group;
      group.set("targets", Json::Array{Json(target)});
      group.set("weights", weights);
      groups.set(name, group);
    };
    add("class", "Linear", wrong);
    add("pattern", "re:.*_proj$", right);
    add("other_pattern", "re:layers", wrong);  // must match from the start: matches nothing
    add("name", kUp, right);
    add("z_pattern", "re:.*up_proj", wrong);
    json.set("config_groups", groups);
  });
  CHECK(folder.read().codes == folder.expected().codes);
  folder.configure([](Json& json) {
    json.set("ignore", Json::Array{Json("lm_head"), Json("re:.*up_proj")});
  });
  folder.refused({"up_proj is packed, but quantization_config does not target it"});
}

TEST_CASE("files with actorder group are read with their column groups", "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors, kAsymmetric);
  const auto set = [&](const std::function<std::int32_t(std::int32_t)>& group) {
    folder.edit([&](auto& t) {
      EditedTensor index{DType::i32, {128}, std::string(128 * 4, '\0')};
      for (std::int32_t k = 0; k < 128; ++k) index.as<std::int32_t>()[k] = group(k);
      t[up("weight_g_idx")] = index;
    });
  };
  set([](std::int32_t k) { return (k * 5) % 2; });
  QuantizedMatrix wanted = folder.expected();
  wanted.group_of.resize(128);
  for (std::uint32_t k = 0; k < 128; ++k) wanted.group_of[k] = (k * 5) % 2;
  CHECK(folder.read().group_of == wanted.group_of);
  const Matrix values = dequantize(wanted);
  const Matrix found = open_checkpoint(folder.path())->load(up("weight"));
  CHECK(std::equal(values.data(), values.data() + values.size(), found.data()));
  set([](std::int32_t k) { return k / 64; });
  CHECK(folder.read() == folder.expected());
  set([](std::int32_t) { return -1; });
  CHECK(folder.read() == folder.expected());
  set([](std::int32_t k) { return k == 17 ? 2 : 0; });
  folder.refused({"weight_g_idx", "column 17 is in group 2, there are 2"});
  set([](std::int32_t k) { return k == 17 ? -1 : 0; });
  folder.refused({"weight_g_idx", "column 17 is in group -1"});
}

TEST_CASE("settings of GPTQ that libquant does not read are refused by name", "[checkpoint]") {
  const PackedFolder folder(Format::gptq, kSymmetric);
  const std::string config = read_file(folder.path() / "config.json");
  const auto set = [&](const char* key, Json value) {
    write_file(folder.path() / "config.json", config);
    folder.configure([&](Json& json) { json.set(key, std::move(value)); });
  };
  set("bits", 5);
  folder.refused<NotSupported>({"bits is 5"});
  set("bits", 8);
  folder.refused({"qweight", "shape"});
  set("group_size", nullptr);
  folder.refused({"group_size is missing"});
  set("group_size", 256);
  folder.refused<NotSupported>({"groups of 256"});
  set("group_size", 0);
  folder.refused({"group_size is 0"});
  set("checkpoint_format", "marlin");
  folder.refused<NotSupported>({"marlin", "gptq and gptq_v2"});
  set("pack_dtype", "int16");
  folder.refused<NotSupported>({"pack_dtype", "int16"});
  set("dynamic", Json::parse(R"({"-:.*up_proj": {}})", "test"));
  folder.refused({"up_proj is packed, but quantization_config excludes it"});
  set("dynamic", Json::parse(R"({"+:.*up_proj": {"bits": 8}})", "test"));
  folder.refused({"up_proj.qweight", "shape"});
  set("dynamic", Json::parse(R"({"+:[": {}})", "test"));
  folder.refused({"pattern ["});
  // The v2 file of the same words has other zeros.
  set("checkpoint_format", "gptq_v2");
  folder.unreadable({"qzeros", "zero point 7", "symmetric (8)"});
}

TEST_CASE("quantize_config.json of AutoGPTQ stands in for quantization_config", "[checkpoint]") {
  const PackedFolder folder(Format::gptq, kAsymmetric);
  edit_json(folder.path() / "config.json",
            [](Json& json) { json = without(json, "quantization_config"); });
  edit_json(folder.path() / "quantize_config.json", [](Json& json) {
    for (const char* key : {"quant_method", "checkpoint_format", "pack_dtype", "meta"})
      json = without(json, key);
  });
  // AutoGPTQ gave every layer a bias, zero where the model has none.
  const auto bias = [&](char fill) {
    folder.edit([&](auto& t) { t[up("bias")] = {DType::f16, {256}, std::string(512, fill)}; });
  };
  bias('\0');
  const auto model = open_checkpoint(folder.path());
  CHECK(model->format() == "gptq");
  CHECK(folder.read().zeros == folder.expected().zeros);
  bias('\x3c');
  folder.refused({"up_proj.bias", "no place"});
}

TEST_CASE("a v1 zero of 0 that borrowed from its neighbour is read as GPTQModel wrote it",
          "[checkpoint]") {
  PackedFolder folder(Format::gptq, kAsymmetric);
  // Zeros 0, 5, 1, 0, 0, 15, 3, 2 of eight rows: 0x2 3 f 0 0 1 5 0 minus 0x11111111.
  const std::uint32_t word = 0x23f00150u - 0x11111111u;
  folder.edit([&](auto& t) { t[up("qzeros")].template as<std::uint32_t>()[0] = word; });
  const QuantizedMatrix found = folder.read();
  const int expected[] = {0, 5, 1, 0, 0, 15, 3, 2};
  for (std::size_t row = 0; row < 8; ++row)
    CHECK(found.zeros[row * found.groups()] == expected[row]);
  CHECK(found.scheme.zero_min == 0);
  // Such a matrix cannot go into v1 again without the same trick.
  CHECK_FALSE(why_not(Format::gptq, found.scheme, 256, 128).empty());
}

TEST_CASE("GPTQ column groups out of range are refused", "[checkpoint]") {
  const PackedFolder folder(Format::gptq, kSymmetric);
  folder.edit([](auto& t) { t[up("g_idx")].template as<std::int32_t>()[9] = 2; });
  folder.refused({"g_idx", "column 9 is in group 2, there are 2"});
  folder.edit([](auto& t) { t[up("g_idx")].template as<std::int32_t>()[9] = -5; });
  folder.refused({"g_idx", "column 9 is in group -5"});
  folder.edit([](auto& t) { t.erase(up("g_idx")); });
  CHECK(folder.read() == folder.expected());
}

TEST_CASE("a packed lm_head is read when the config targets it", "[checkpoint]") {
  const PackedFolder folder(Format::compressed_tensors, kSymmetric);
  const QuantizedMatrix codes = random_codes(kSymmetric, 264, 128, 5);
  folder.configure([](Json& json) { json.set("ignore", Json::Array{}); });
  folder.refused({"lm_head.weight_packed"});
  folder.edit([&](auto& t) {
    t.erase("lm_head.weight");
    EditedTensor packed{DType::i32, {264, 16}, std::string(264 * 64, '\0')};
    for (std::size_t i = 0; i < codes.codes.size(); ++i)
      packed.bytes[i / 2] =
          static_cast<char>(packed.bytes[i / 2] | codes.codes[i] << (i % 2 == 0 ? 0 : 4));
    EditedTensor scales{DType::f16, {264, 2}, std::string(264 * 4, '\0')};
    for (std::size_t i = 0; i < codes.scales.size(); ++i)
      scales.as<std::uint16_t>()[i] = f32_to_f16(codes.scales[i]);
    EditedTensor shape{DType::i64, {2}, std::string(16, '\0')};
    shape.as<std::int64_t>()[0] = 264;
    shape.as<std::int64_t>()[1] = 128;
    t["lm_head.weight_packed"] = packed;
    t["lm_head.weight_scale"] = scales;
    t["lm_head.weight_shape"] = shape;
  });
  CHECK(folder.read("lm_head") == codes);
}
