#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "libquant/checkpoint/write_checkpoint.h"
#include "tests/support/coded_checkpoint.h"
#include "tests/support/edit_folder.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

WriteOptions options_for(Format format, DType type = DType::f16) {
  return {.format = format, .dense_type = type, .embedding_type = type, .metadata = {}};
}

CodedCheckpoint make_source(Format format) {
  CodedCheckpoint source(export_config());
  source.quantize(adapt(format, {}, DType::f16));
  return source;
}

template <typename E>
void check_fails(const Checkpoint& source, const std::filesystem::path& path,
                 const WriteOptions& options, const std::vector<std::string>& mentions) {
  check_mentions(message_of<E>([&] { write_checkpoint(source, path, options); }), mentions);
}

}  // namespace

TEST_CASE("an output that exists is refused before anything is written", "[checkpoint]") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "full");
  write_file(folder / "full/notes.txt", "mine");
  write_file(folder / "file", "mine");
  for (const Format format : formats()) {
    INFO(to_string(format));
    const CodedCheckpoint source = make_source(format);
    if (format == Format::gguf) {
      check_fails<Error>(source, folder / "file", options_for(format), {"file", "exists already"});
      check_fails<Error>(source, folder / "full", options_for(format), {"full", "exists already"});
    } else {
      check_fails<Error>(source, folder / "full", options_for(format), {"full", "not empty"});
      check_fails<Error>(source, folder / "file", options_for(format), {"file", "is a file"});
    }
    check_fails<Error>(source, folder / "file/inside/model", options_for(format), {"inside"});
  }
  CHECK(folder.names() == std::vector<std::string>{"file", "full"});
  CHECK(read_file(folder / "full/notes.txt") == "mine");
}

TEST_CASE("an empty folder, missing parents and a slash at the end are fine", "[checkpoint]") {
  const TemporaryFolder folder;
  const CodedCheckpoint source = make_source(Format::gptq);
  std::filesystem::create_directory(folder / "empty");
  write_checkpoint(source, folder / "empty", options_for(Format::gptq));
  const auto files = write_checkpoint(source, folder / "a/b/c/", options_for(Format::gptq));
  CHECK(files.size() == 6);
  for (const auto& file : files) {
    INFO(file);
    CHECK(std::filesystem::exists(file));
    CHECK(file.parent_path() == folder / "a/b/c");
  }
  CHECK(folder.names() == std::vector<std::string>{"a", "empty"});
}

TEST_CASE("what a killed run left behind is replaced", "[checkpoint]") {
  const TemporaryFolder folder;
  const CodedCheckpoint source = make_source(Format::gptq);
  std::filesystem::create_directory(folder / ".model.libquant-partial");
  write_file(folder / ".model.libquant-partial/model.safetensors", "half");
  write_checkpoint(source, folder / "model", options_for(Format::gptq));
  CHECK(folder.names() == std::vector<std::string>{"model"});
}

TEST_CASE("stopping while writing or verifying leaves nothing", "[checkpoint]") {
  for (const Format format : formats()) {
    INFO(to_string(format));
    const CodedCheckpoint source = make_source(format);
    int steps = 0;
    {
      const TemporaryFolder folder;
      double last = 0;
      write_checkpoint(source, folder / "model", options_for(format), [&](const Progress& p) {
        CHECK(p.done >= last);
        CHECK(p.done <= p.total);
        last = p.done;
        ++steps;
        return true;
      });
    }
    for (const int stop : {1, steps / 2, steps / 2 + 1, steps}) {
      const TemporaryFolder folder;
      int left = stop;
      CHECK_THROWS_AS(write_checkpoint(source, folder / "model", options_for(format),
                                       [&](const Progress&) { return --left > 0; }),
                      Interrupted);
      CHECK(folder.names().empty());
    }
  }
}

TEST_CASE("a full disk is an error that leaves nothing half-written", "[checkpoint]") {
  for (const Format format : {Format::compressed_tensors, Format::gguf}) {
    const TemporaryFolder folder;
    const CodedCheckpoint source = make_source(format);
    // A limit on file sizes stands in for the disk; in a child, because it cannot be raised again.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{100'000, 100'000};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      int result = 1;
      try {
        write_checkpoint(source, folder / "model", options_for(format));
      } catch (const Error& error) {
        const std::string message = error.what();
        result = message.find("model") != std::string::npos &&
                         message.find("File too large") != std::string::npos
                     ? 0
                     : 2;
      }
      ::_exit(result);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(folder.names().empty());
  }
}

TEST_CASE("values that overflow the stored type are named", "[checkpoint]") {
  CodedCheckpoint source = make_source(Format::gguf);
  source.tensor("model.embed_tokens.weight")(3, 5) = 1e5f;
  const TemporaryFolder folder;
  check_fails<Error>(source, folder / "a", options_for(Format::gguf),
                     {"model.embed_tokens.weight", "100000", "F16"});
  CHECK(folder.names().empty());
  CHECK_NOTHROW(write_checkpoint(source, folder / "b", options_for(Format::gguf, DType::bf16)));
}

TEST_CASE("stored types that a format does not have are refused", "[checkpoint]") {
  const TemporaryFolder folder;
  const CodedCheckpoint source = make_source(Format::gptq);
  WriteOptions options = options_for(Format::gptq);
  options.embedding_type = DType::q8_0;
  check_fails<InvalidArgument>(source, folder / "a", options, {"gptq", "Q8_0"});
  options = options_for(Format::gguf, DType::q4_0);
  check_fails<InvalidArgument>(source, folder / "a", options, {"Q4_0"});
  options = options_for(Format::gptq);
  options.shard_bytes = 0;
  check_fails<InvalidArgument>(source, folder / "a", options, {"shard_bytes"});
  // vLLM would round f16 scales of a bf16 model.
  check_fails<InvalidArgument>(source, folder / "a",
                               options_for(Format::compressed_tensors, DType::bf16),
                               {"scales", "f16", "BF16"});
  check_fails<InvalidArgument>(CodedCheckpoint(export_config()), folder / "a",
                               options_for(Format::gptq), {"no matrix", "safetensors and gguf"});
}

TEST_CASE("embeddings go into GGUF as Q8_0 when asked for", "[checkpoint]") {
  const CodedCheckpoint source = make_source(Format::gguf);
  WriteOptions options = options_for(Format::gguf);
  options.embedding_type = DType::q8_0;
  const TemporaryFolder folder;
  write_checkpoint(source, folder / "a.gguf", options);
  const auto first = open_checkpoint(folder / "a.gguf");
  CHECK(first->info("model.embed_tokens.weight").type == "Q8_0");
  CHECK(first->info("lm_head.weight").type == "Q8_0");
  CHECK(first->info("model.norm.weight").type == "F32");
  // Rounding what is already Q8_0 changes nothing.
  write_checkpoint(*first, folder / "b.gguf", options);
  const auto second = open_checkpoint(folder / "b.gguf");
  const Matrix a = first->load("model.embed_tokens.weight");
  const Matrix b = second->load("model.embed_tokens.weight");
  CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
}

TEST_CASE("the tokenizer files and configs of a folder are carried over", "[checkpoint]") {
  const TemporaryFolder folder;
  const CodedCheckpoint plain(export_config());
  write_checkpoint(plain, folder / "source", options_for(Format::safetensors, DType::f32));
  // Spelled as no writer of ours does.
  const std::string tokenizer =
      "  " + Json::parse_file(folder / "source/tokenizer.json").dump() + "\n\n";
  write_file(folder / "source/tokenizer.json", tokenizer);
  write_file(folder / "source/special_tokens_map.json", "{ }");
  write_file(folder / "source/generation_config.json", R"({"temperature": 0.6})");
  edit_json(folder / "source/config.json", [](Json& json) {
    json.set("unknown_to_us", 17);
    json.set("dtype", "float32");
    json = without(json, "torch_dtype");
  });
  const auto source = open_checkpoint(folder / "source");
  write_checkpoint(*source, folder / "copy", options_for(Format::safetensors, DType::bf16));
  CHECK(read_file(folder / "copy/tokenizer.json") == tokenizer);
  CHECK(read_file(folder / "copy/special_tokens_map.json") == "{ }");
  CHECK(Json::parse_file(folder / "copy/generation_config.json").at("temperature") == Json(0.6));
  const Json config = Json::parse_file(folder / "copy/config.json");
  CHECK(config.at("unknown_to_us") == Json(17));
  CHECK(config.at("dtype") == Json("bfloat16"));
  CHECK(config.find("torch_dtype") == nullptr);
}

TEST_CASE("a packed source loses its quantization_config when it is exported dense",
          "[checkpoint]") {
  const TemporaryFolder folder;
  write_checkpoint(make_source(Format::gptq), folder / "packed", options_for(Format::gptq));
  const auto packed = open_checkpoint(folder / "packed");
  write_checkpoint(*packed, folder / "dense", options_for(Format::safetensors, DType::f32));
  const Json config = Json::parse_file(folder / "dense/config.json");
  CHECK(config.find("quantization_config") == nullptr);
  CHECK_FALSE(std::filesystem::exists(folder / "dense/quantize_config.json"));
  const auto dense = open_checkpoint(folder / "dense");
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  const Matrix a = packed->load(name), b = dense->load(name);
  CHECK(std::equal(a.data(), a.data() + a.size(), b.data()));
  // And from one packed format to another.
  write_checkpoint(*packed, folder / "ct", options_for(Format::compressed_tensors));
  CHECK(open_checkpoint(folder / "ct")->quantized(name)->codes == packed->quantized(name)->codes);
}

TEST_CASE("metadata of the caller is kept in the file", "[checkpoint]") {
  const TemporaryFolder folder;
  WriteOptions options = options_for(Format::gguf);
  options.metadata = {{"method", "gptq"}, {"name", "Tiny"}};
  write_checkpoint(make_source(Format::gguf), folder / "a.gguf", options);
  const GgufFile file(folder / "a.gguf");
  CHECK(*file.metadata().string("libquant.method") == "gptq");
  CHECK(*file.metadata().string("general.name") == "Tiny");
  CHECK(file.metadata().integer("general.file_type") == 2);
  options.format = Format::gptq;
  write_checkpoint(make_source(Format::gptq), folder / "b", options);
  CHECK(SafetensorsFile(folder / "b/model.safetensors").metadata().at("method") == "gptq");
  CHECK(SafetensorsFile(folder / "b/model.safetensors").metadata().at("format") == "pt");
}
