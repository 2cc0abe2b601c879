#include <sys/resource.h>

#include <csignal>

#include "libquant/core/error.h"
#include "libquant/pipeline/quantize_model.h"
#include "tests/support/catch.h"
#include "tests/unit/pipeline/pipeline_case.h"

namespace libquant {
namespace {

using testing::contents;
using testing::holds;
using testing::message_of;
using testing::PipelineCase;
using testing::read_file;
using testing::write_file;

/// Stops a job at its `step`-th report of progress.
ProgressCallback stop_at(std::size_t step, std::size_t& seen) {
  return [step, &seen](const Progress&) { return seen++ != step; };
}

/// Runs until `blocks` block files exist, then stops.
void run_partly(const PipelineCase& c, const QuantizeOptions& options, std::size_t blocks) {
  const auto last =
      options.output / ".libquant-work" / ("block-000" + std::to_string(blocks - 1) + ".bin");
  const auto stop = [&](const Progress&) { return !std::filesystem::exists(last); };
  CHECK_THROWS_AS(quantize_model(c.model, options, stop), Interrupted);
  REQUIRE(std::filesystem::exists(last));
}

TEST_CASE("a run stopped at any step of its progress resumes to the same bytes") {
  const PipelineCase c;
  auto options = c.options("whole");
  options.formats = {Format::gptq, Format::gguf};
  std::size_t steps = 0;
  quantize_model(c.model, options, stop_at(std::size_t(-1), steps));
  REQUIRE(steps > 40);
  const auto expected = contents(options.output);

  for (std::size_t step = 0; step < steps; ++step) {
    INFO("stopped at step " << step << " of " << steps);
    options.output = c.folder / ("part" + std::to_string(step));
    options.resume = false;
    std::size_t seen = 0;
    CHECK_THROWS_AS(quantize_model(c.model, options, stop_at(step, seen)), Interrupted);
    CHECK_FALSE(std::filesystem::exists(options.output / "gguf"));
    options.resume = true;
    quantize_model(c.model, options);
    CHECK(contents(options.output) == expected);
  }
}

TEST_CASE("a run stopped again and again after each block ends with the same bytes") {
  const PipelineCase c;
  const auto whole = c.options("whole");
  quantize_model(c.model, whole);
  auto options = c.options("part");
  options.resume = true;
  run_partly(c, options, 1);
  run_partly(c, options, 2);
  const auto report = quantize_model(c.model, options);
  CHECK(report.blocks_resumed == 2);
  CHECK(report.layers.size() == 14);
  CHECK(contents(options.output) == contents(whole.output));
}

TEST_CASE("a run whose large states are not written after each block resumes to the same bytes") {
  const PipelineCase c;
  write_file(c.folder / "text.txt", testing::made_up_text(40000, 1));
  auto options = c.options("whole");
  options.calibration.windows = 64;
  options.calibration.window = 72;  // 64 x 72 tokens of 256 bytes
  quantize_model(c.model, options);
  const auto expected = contents(options.output);
  options.output = c.folder / "part";
  run_partly(c, options, 1);
  CHECK_FALSE(std::filesystem::exists(options.output / ".libquant-work" / "state-0000.bin"));
  options.resume = true;
  const auto report = quantize_model(c.model, options);
  CHECK(report.blocks_resumed == 1);
  CHECK(report.notes.empty());
  CHECK(contents(options.output) == expected);
}

TEST_CASE("resuming a finished run computes nothing; resuming with nothing there starts") {
  const PipelineCase c;
  auto options = c.options("out");
  options.resume = true;
  const auto report = quantize_model(c.model, options);
  CHECK(report.blocks_resumed == 0);
  const auto never = [](const Progress&) { return false; };
  CHECK(to_json(quantize_model(c.model, options, never)) == to_json(report));
}

TEST_CASE("an unfinished run is neither continued nor discarded unless asked") {
  const PipelineCase c;
  auto options = c.options("out");
  run_partly(c, options, 1);
  const auto message = message_of<InvalidArgument>([&] { quantize_model(c.model, options); });
  CHECK(holds(message, "--resume"));
  CHECK(holds(message, "--overwrite"));
  options.overwrite = true;
  CHECK(quantize_model(c.model, options).blocks_resumed == 0);
}

TEST_CASE("a changed option is refused on resume, naming it with both values") {
  const PipelineCase c;
  auto options = c.options("out");
  run_partly(c, options, 1);
  options.resume = true;
  const auto refused = [&](auto change, const char* expected) {
    auto changed = options;
    change(changed);
    INFO(expected);
    CHECK(holds(message_of<InvalidArgument>([&] { quantize_model(c.model, changed); }), expected));
  };
  refused([](auto& o) { o.layer.scheme.bits = 8; }, "bits was 4, now 8");
  refused([](auto& o) { o.layer.scheme.group_size = 0; }, "group_size was 32, now 0");
  refused([](auto& o) { o.layer.damping = 0.02; }, "damping was 0.01, now 0.02");
  refused([](auto& o) { o.layer.act_order = ActOrder::none; }, "act_order was");
  refused([](auto& o) { o.layer.clip.steps = 7; }, "clip_steps was");
  refused([](auto& o) { o.calibration.windows = 5; }, "calibration_tokens was 288, now 240");
  refused([](auto& o) { o.calibration.seed = 5; }, "calibration_seed was 0, now 5");
  refused([](auto& o) { o.formats = {Format::gptq}; }, "formats was");
  refused([](auto& o) { o.write.embedding_type = DType::f32; }, "embedding_type was");
  refused(
      [](auto& o) {
        o.overrides.emplace_back();
        o.overrides[0].pattern = "down_proj";
        o.overrides[0].bits = 8;
      },
      "overrides was");
  CHECK(quantize_model(c.model, options).blocks_resumed == 1);
  refused([](auto& o) { o.layer.scheme.bits = 8; }, "finished run that differs: bits was 4, now 8");
}

TEST_CASE("a changed source or calibration text is refused on resume") {
  PipelineCase c;
  auto options = c.options("out");
  run_partly(c, options, 1);
  options.resume = true;
  float& weight = c.model.weights.tensors.at("model.layers.1.mlp.up_proj.weight").data()[0];
  const float before = weight;
  weight = 0.25f;
  const auto resume = [&] { quantize_model(c.model, options); };
  CHECK(holds(message_of<InvalidArgument>(resume), "source_hash was"));
  weight = before;
  const std::string text = read_file(c.folder / "text.txt");
  write_file(c.folder / "text.txt", testing::made_up_text(4000, 2));
  CHECK(holds(message_of<InvalidArgument>(resume), "calibration_hash was"));
  write_file(c.folder / "text.txt", text);
  CHECK(quantize_model(c.model, options).blocks_resumed == 1);
}

TEST_CASE("a damaged work file is found, reported and computed again") {
  const PipelineCase c;
  const auto whole = c.options("whole");
  quantize_model(c.model, whole);
  for (const std::string name : {"block-0000.bin", "block-0001.bin", "state-0000.bin"}) {
    auto options = c.options("part-" + name);
    run_partly(c, options, name == "state-0000.bin" ? 1 : 2);
    const auto file = options.output / ".libquant-work" / name;
    std::string bytes = read_file(file);
    bytes[bytes.size() - 9] = static_cast<char>(bytes[bytes.size() - 9] ^ 1);
    write_file(file, bytes);
    options.resume = true;
    const auto report = quantize_model(c.model, options);
    INFO(name);
    REQUIRE_FALSE(report.notes.empty());
    CHECK(holds(report.notes[0], name));
    CHECK(contents(options.output) == contents(whole.output));
  }
}

TEST_CASE("leftovers of a write that was cut short do no harm") {
  const PipelineCase c;
  const auto whole = c.options("whole");
  quantize_model(c.model, whole);
  auto options = c.options("part");
  run_partly(c, options, 1);
  const auto work = options.output / ".libquant-work";
  write_file(work / "block-0001.bin.tmp-1234", "half");
  write_file(work / "state-0001.bin", "half");
  std::filesystem::create_directories(work / "staged" / "old");
  write_file(work / "staged" / "old" / "model.safetensors", "half");
  options.resume = true;
  quantize_model(c.model, options);
  CHECK(contents(options.output) == contents(whole.output));
}

/// No file may grow beyond `bytes` while this lives: what a full disk looks like to a writer.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_CASE("a full disk is an error that leaves nothing half-written and can be resumed") {
  struct Limit {
    const char* file;
    Method method;
    rlim_t bytes;
  };
  const PipelineCase c;
  for (const Limit& limited :
       {Limit{"fingerprint.json", Method::gptq, 100}, Limit{"activations", Method::gptq, 50'000},
        Limit{"block-0000.bin", Method::rtn, 20'000},
        Limit{"model.safetensors", Method::rtn, 50'000}}) {
    INFO(limited.file);
    auto options = c.options(std::string("whole-") + limited.file);
    options.layer.method = limited.method;
    quantize_model(c.model, options);
    const auto expected = contents(options.output);
    options.output = c.folder / (std::string("limited-") + limited.file);
    std::string message;
    {
      const FileSizeLimit limit(limited.bytes);
      message = message_of<Error>([&] { quantize_model(c.model, options); });
    }
    CHECK(holds(message, limited.file));
    for (const auto& entry : std::filesystem::directory_iterator(options.output))
      CHECK(entry.path().filename() == ".libquant-work");
    options.resume = true;
    quantize_model(c.model, options);
    CHECK(contents(options.output) == expected);
  }
}

}  // namespace
}  // namespace libquant
