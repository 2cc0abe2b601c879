// Small files of every form, right and wrong.
#include <string>

#include "libquant/core/error.h"
#include "libquant/scoring/load_probes.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace libquant;

std::string message_of(const std::filesystem::path& file) {
  try {
    load_probes(file);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("zero-shot rows become the prompts of lm-evaluation-harness", "[scoring]") {
  const testing::TemporaryFolder folder;
  const auto one = [&](std::string_view name, std::string_view row) {
    return load_probes(folder.write(name, row)).items.at(0);
  };
  const ProbeItem piqa = one(
      "piqa.jsonl", R"({"goal": "Open a jar.", "sol1": "Twist.", "sol2": "Sing.", "label": 0})");
  CHECK(piqa.prompt == "Question: Open a jar.\nAnswer:");
  CHECK(piqa.correct == 0);
  const ProbeItem boolq = one(
      "boolq.jsonl", R"({"passage": "Ice floats.", "question": "does ice float", "answer": true})");
  CHECK(boolq.prompt == "Ice floats.\nQuestion: does ice float?\nAnswer:");
  CHECK(boolq.options[1].text == "yes");
  CHECK(boolq.correct == 1);
  const ProbeItem obqa = one(
      "obqa.jsonl",
      R"({"question_stem": "The sun is", "choices": {"text": ["cold", "hot"], "label": ["A", "B"]}, "answerKey": "B"})");
  CHECK(obqa.prompt == "The sun is");
  CHECK(obqa.correct == 1);
  const ProbeItem arc = one(
      "arc.jsonl",
      R"({"question": "Which is hot?", "choices": {"text": ["sun", "ice", "rain"], "label": ["1", "2", "3"]}, "answerKey": "1"})");
  CHECK(arc.prompt == "Question: Which is hot?\nAnswer:");
  CHECK(arc.options.size() == 3);
  const ProbeItem hella = one(
      "hs.jsonl",
      R"({"activity_label": "Cooking", "ctx": "She cuts", "endings": ["bread", "air"], "label": "0"})");
  CHECK(hella.prompt == "Cooking: She cuts");
  const ProbeItem truth = one(
      "tqa.jsonl",
      R"({"question": "Can pigs fly?", "mc1_targets": {"choices": ["Yes", "No"], "labels": [0, 1]}})");
  CHECK(truth.prompt == "Q: Can pigs fly?\nA:");
  CHECK(truth.correct == 1);
}

TEST_CASE(
    "CrowS-Pairs: the more stereotyping sentence is the stereotyped option in both directions",
    "[scoring]") {
  const testing::TemporaryFolder folder;
  const auto set = load_probes(
      folder.write("crows.csv",
                   ",sent_more,sent_less,stereo_antistereo,bias_type\n"
                   "0,\"One, two.\",\"One, three.\",stereo,age\n1,A.,B.,antistereo,age\n"));
  REQUIRE(set.items.size() == 2);
  CHECK(set.items[0].options[0].text == "One, two.");
  CHECK(set.items[0].options[0].role == OptionRole::stereotype);
  CHECK(set.items[1].options[0].role == OptionRole::stereotype);
  CHECK(set.items[1].polarity == "antistereo");
}

TEST_CASE("StereoSet's nested json gives the same items as its csv", "[scoring]") {
  const testing::TemporaryFolder folder;
  const auto set = load_probes(folder.write("dev.json", R"({"data": {
    "intrasentence": [{"target": "chess", "bias_type": "profession", "context": "BLANK",
      "sentences": [{"sentence": "u", "gold_label": "unrelated"}, {"sentence": "s", "gold_label": "stereotype"},
                    {"sentence": "a", "gold_label": "anti-stereotype"}]}],
    "intersentence": [{"target": "chess", "bias_type": "profession", "context": "First.",
      "sentences": [{"sentence": "u", "gold_label": "unrelated"}, {"sentence": "s", "gold_label": "stereotype"},
                    {"sentence": "a", "gold_label": "anti-stereotype"}]}]}})"));
  REQUIRE(set.items.size() == 2);
  CHECK(set.items[0].options[1].role == OptionRole::stereotype);
  CHECK(set.items[0].template_id == set.items[1].template_id);
  CHECK(set.items[1].options[1].text == "First. s");
}

TEST_CASE("the user's own pairs and choices", "[scoring]") {
  const testing::TemporaryFolder folder;
  const auto pairs = load_probes(folder.write(
      "mine.jsonl", R"({"stereotype": "x", "anti": "y", "group": "g", "template": "t"})"));
  CHECK(pairs.items[0].template_id == "mine/t");
  CHECK(pairs.items[0].form == ItemForm::sentences);
  const auto choices = load_probes(folder.write(
      "own.jsonl",
      R"({"context": "c", "question": "q", "condition": "ambiguous", "correct": 1, "options": [{"text": "a", "role": "stereotype"}, {"text": "b", "role": "unknown"}]})"));
  CHECK(choices.items[0].condition == Condition::ambiguous);
  CHECK(choices.items[0].options[1].role == OptionRole::unknown);
}

TEST_CASE("broken probe files are refused with file, line and field", "[scoring]") {
  const testing::TemporaryFolder folder;
  CHECK(contains(
      message_of(folder.write(
          "a.jsonl", "{\"stereotype\": \"x\", \"anti\": \"y\"}\n{\"stereotype\": \"x\"}\n")),
      "a.jsonl:2: \"anti\""));
  CHECK(contains(message_of(folder.write("b.jsonl", "{\"stereotype\": \"x\"")), "b.jsonl:1"));
  CHECK(contains(message_of(folder.write("c.csv", "one,two\n1,2\n")), "no probe set"));
  CHECK(contains(message_of(folder.write("d.csv", "sent_more,sent_less\n\"open,b\n")), "row 2"));
  CHECK(contains(message_of(folder.write(
                     "e.csv", "sent_more,sent_less,stereo_antistereo,bias_type\na,b,stereo\n")),
                 "row 2 has 3 fields"));
  CHECK(contains(message_of(folder.write("f.csv", "sent_more,sent_less,bias_type\na,b,c\n")),
                 "no column \"stereo_antistereo\""));
  CHECK(contains(
      message_of(folder.write(
          "g.jsonl",
          R"({"question": "q", "options": [{"text": "a"}, {"text": "b"}], "correct": 2})")),
      "\"correct\" is 2"));
  CHECK(contains(
      message_of(folder.write(
          "h.jsonl",
          R"({"question": "q", "options": [{"text": "a", "role": "villain"}, {"text": "b"}]})")),
      "villain"));
  CHECK(contains(
      message_of(folder.write("i.jsonl",
                              "{\"id\": \"1\", \"stereotype\": \"x\", \"anti\": \"y\"}\n{\"id\": "
                              "\"1\", \"stereotype\": \"x\", \"anti\": \"y\"}")),
      "twice"));
  CHECK(contains(message_of(folder.write("j.jsonl", "")), "no items"));
  CHECK(contains(message_of(folder.write("k.doc", "x")), "tells no probe format"));
  CHECK(
      contains(message_of(folder.write("l.txt", "1 [The a] did [he].")), "neither pro_ nor anti_"));
  CHECK_THROWS_AS(probe_format_from("unheard"), InvalidArgument);
}
