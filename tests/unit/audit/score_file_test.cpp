#include "libquant/audit/score_file.h"

#include <cmath>
#include <fstream>
#include <string>

#include "libquant/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace libquant;

ItemScore score(const std::string& id) {
  ItemScore out;
  out.id = id;
  out.answers = {-1.25, -2.5};
  out.answer_tokens = {3, 4};
  out.answer_bytes = {9, 12};
  out.letters = {-0.5, -0.9};
  out.letter_orders = {-0.5, -0.9, -0.5, -0.9};
  return out;
}

Json header(const std::string& model) { return Json::object({{"model", model}}); }

std::string message_of(const std::filesystem::path& file) {
  try {
    read_scores(file);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("scores read back exactly, a number that is none as such", "[audit]") {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "scores.jsonl";
  ItemScore odd = score("b");
  odd.answers[1] = NAN;
  {
    ScoreWriter writer(file, header("m"), false);
    writer.append(score("a"));
    writer.append(odd);
  }
  const ScoreFile read = read_scores(file);
  CHECK(read.header == header("m"));
  REQUIRE(read.scores.size() == 2);
  CHECK(read.scores[0].answers == score("a").answers);
  CHECK(read.scores[0].answer_tokens == score("a").answer_tokens);
  CHECK(read.scores[0].letter_orders == score("a").letter_orders);
  CHECK(std::isnan(read.scores[1].answers[1]));
}

TEST_CASE("a killed writer's half line is dropped when it goes on, finished items are kept",
          "[audit]") {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "scores.jsonl";
  { ScoreWriter(file, header("m"), false).append(score("a")); }
  std::ofstream(file, std::ios::app) << R"({"id": "b", "answ)";
  ScoreWriter writer(file, header("m"), true);
  REQUIRE(writer.kept().size() == 1);
  writer.append(score("b"));
  CHECK(read_scores(file).scores.size() == 2);
}

TEST_CASE("a file of another model is not gone on with", "[audit]") {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "scores.jsonl";
  { ScoreWriter(file, header("m"), false).append(score("a")); }
  CHECK_THROWS_AS(ScoreWriter(file, header("other"), true), InvalidArgument);
  CHECK(read_scores(file).scores.size() == 1);
}

TEST_CASE("broken score files are refused with line and item", "[audit]") {
  const testing::TemporaryFolder folder;
  const auto refused = [&](std::string_view content, std::string_view part) {
    const std::string message = message_of(folder.write("s.jsonl", content));
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  };
  refused(R"({"answers": [-1, -2]})", "\"id\" is missing");
  refused(R"({"id": "a"})", "neither");
  refused(R"({"id": "a", "answers": [-1, -2], "answer_tokens": [1]})",
          "2 answers and 1 token counts");
  refused(R"({"id": "a", "answers": [-1, -2], "answer_tokens": [0, 1]})", "holds 0");
  refused("{\"id\": \"a\", \"letters\": [-1]}\n{\"id\": \"a\", \"letters\": [-1]}",
          "appears twice");
  refused("{\"id\": \"a\", \"letters\": [-1]}\n{\"id\": ", "s.jsonl:2");
}
