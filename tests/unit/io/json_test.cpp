#include "libquant/io/json.h"

#include <bit>
#include <cmath>
#include <limits>

#include "libquant/core/error.h"
#include "libquant/core/rng.h"
#include "tests/support/files.h"

using namespace libquant;
using namespace libquant::testing;

namespace {

std::string refused(std::string_view text) {
  return message_of<FormatError>([&] { Json::parse(text, "a.json"); });
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("JSON values of every kind are read, objects in the order of the text", "[io]") {
  const Json json = Json::parse(
      R"({"z": null, "a": [true, false, -3, 2.5, "x\u00e9\ud83d\ude00\n"], "m": {}, "e": []})",
      "s");
  const auto& members = json.as_object("json");
  REQUIRE(members.size() == 4);
  CHECK(members[0].first == "z");
  CHECK(members[1].first == "a");
  CHECK(json.at("z").is_null());
  const auto& array = json.at("a").as_array("a");
  REQUIRE(array.size() == 5);
  CHECK(array[0].as_bool(""));
  CHECK_FALSE(array[1].as_bool(""));
  CHECK(array[2].as_int("") == -3);
  CHECK(array[3].as_double("") == 2.5);
  CHECK(array[4].as_string("") == "x\xc3\xa9\xf0\x9f\x98\x80\n");
  CHECK(json.at("m").as_object("").empty());
  CHECK(json.at("e").as_array("").empty());
  CHECK(json.find("absent") == nullptr);
  CHECK(array[2].find("a") == nullptr);
}

TEST_CASE("integers are exact to 64 bits and become numbers beyond", "[io]") {
  const auto parsed = [](std::string_view text) { return Json::parse(text, "s"); };
  CHECK(parsed("9223372036854775807").as_int("") == std::numeric_limits<std::int64_t>::max());
  CHECK(parsed("-9223372036854775808").as_int("") == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(parsed("9223372036854775808").is_int());
  CHECK(parsed("9223372036854775808").as_double("") == 0x1p63);
  CHECK(parsed("18446744073709551616").as_double("") == 0x1p64);
  CHECK(parsed("-9223372036854775809").as_double("") == -0x1p63);
  CHECK_FALSE(parsed("1.0").is_int());
  CHECK_FALSE(parsed("1e2").is_int());
  CHECK(parsed("7").as_double("") == 7.0);
}

TEST_CASE("a dumped value reads back equal, with doubles to the last bit", "[io]") {
  Rng rng(1);
  Json::Array values;
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(rng.next());
    if (std::isfinite(value)) values.emplace_back(value);
  }
  for (const double value : {0.0, 1.0, -1.0, 0.1, 1e15, 1e16, 1e300, 5e-324, 0x1p53, 1.0 / 3})
    values.emplace_back(value);
  const Json json =
      Json::object({{"values", values}, {"text", "\"\\\x01\xe2\x82\xac"}, {"n", nullptr}});
  CHECK(Json::parse(json.dump(), "s") == json);
  CHECK(Json::parse(json.dump(2), "s") == json);
  const Json back = Json::parse(Json(-0.0).dump(), "s");
  CHECK(std::signbit(back.as_double("")));
}

TEST_CASE("dump writes exactly this text", "[io]") {
  const Json json = Json::object({{"b", 1},
                                  {"a", Json::Array{Json(1.0), Json("x\n\"")}},
                                  {"e", Json::Object{}},
                                  {"f", Json::Array{}},
                                  {"t", true}});
  CHECK(json.dump() == R"({"b": 1, "a": [1.0, "x\n\""], "e": {}, "f": [], "t": true})");
  CHECK(json.dump(2) ==
        "{\n  \"b\": 1,\n  \"a\": [\n    1.0,\n    \"x\\n\\\"\"\n  ],\n  \"e\": {},\n"
        "  \"f\": [],\n  \"t\": true\n}");
}

TEST_CASE("what JSON cannot hold is refused on writing", "[io]") {
  CHECK_THROWS_AS(Json(std::nan("")).dump(), InvalidArgument);
  CHECK_THROWS_AS(Json(INFINITY).dump(), InvalidArgument);
  CHECK_THROWS_AS(Json("\xff").dump(), InvalidArgument);
  CHECK_THROWS_AS(Json::object({{"\xc3", 1}}).dump(), InvalidArgument);
}

TEST_CASE("malformed JSON is refused and its well-formed twin is read", "[io]") {
  struct Twin {
    std::string_view bad, good, mention;
  };
  const Twin twins[] = {
      {R"({"a": 1, "a": 2})", R"({"a": 1, "b": 2})", "duplicate key \"a\""},
      {R"({"a": {"k": 1}, "b": {"k": 1, "k": 1}})", R"({"a": {"k": 1}, "b": {"k": 1}})",
       "duplicate key \"k\""},
      {R"({"a": 1, "\u0061": 2})", R"({"a": 1, "\u0062": 2})", "duplicate key \"a\""},
      {"[NaN]", "[0]", "invalid literal"},
      {"[Infinity]", "[0]", "invalid literal"},
      {"[-Infinity]", "[-0]", "invalid number"},
      {"[1e999]", "[1e300]", "number overflow"},
      {"[01]", "[1]", "unexpected number"},
      {"[+1]", "[1]", "invalid literal"},
      {"[1.]", "[1.0]", "expected digit"},
      {"[.5]", "[0.5]", "invalid literal"},
      {"{} x", "{} ", "expected end of input"},
      {"{}{}", "{}", "expected end of input"},
      {"[1,]", "[1]", "unexpected ']'"},
      {R"({"a": 1,})", R"({"a": 1})", "expected string literal"},
      {"{a: 1}", R"({"a": 1})", "object key"},
      {"['a']", R"(["a"])", "invalid literal"},
      {"[1 // one\n]", "[1 \n]", "invalid literal"},
      {"[\"\xff\"]", "[\"\xc3\xbf\"]", "ill-formed UTF-8"},
      {"[\"\xc0\x80\"]", "[\"\\u0000\"]", "ill-formed UTF-8"},
      {"[\"\xed\xa0\x80\"]", "[\"\xed\x9f\xbf\"]", "ill-formed UTF-8"},
      {R"(["\ud800"])", R"(["\ud800\udc00"])", "surrogate"},
      {R"(["\x41"])", R"(["A"])", "forbidden character after backslash"},
      {"[\"\n\"]", R"(["\n"])", "control character"},
      {std::string_view("{}\0", 3), "{}", "NUL"},
      {std::string_view("{}\0{\"a\"", 7), "{}", "NUL"},
      {std::string_view("[\"\0\"]", 5), R"(["\u0000"])", "NUL"},
      {"", "0", "unexpected end of input"},
      {" ", " 0", "unexpected end of input"},
  };
  for (const Twin& twin : twins) {
    INFO(twin.bad);
    check_mentions(refused(twin.bad), {"a.json: line ", std::string(twin.mention)});
    CHECK_NOTHROW(Json::parse(twin.good, "a.json"));
  }
}

TEST_CASE("JSON that ends early is refused wherever it ends", "[io]") {
  const std::string text = R"({"a": [1, -2.5e3, true, null], "b\u00e9": "x\\", "c": {"d": false}})";
  CHECK_NOTHROW(Json::parse(text, "s"));
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto bytes = to_bytes(text.substr(0, size));
    INFO(size);
    CHECK_THROWS_AS(Json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "s"),
                    FormatError);
  }
}

TEST_CASE("errors give line, column and byte, and cannot write to the terminal", "[io]") {
  check_mentions(refused("{\n \"a\": 1,\n \"a\": 2\n}"), {"a.json: line 3, column 4 (byte 15)"});
  check_mentions(refused("[1,\n\x1b]"), {"line 2, column 1", "invalid literal"});
  CHECK(refused("[\"\x1b[31m\"]").find('\x1b') == std::string::npos);
  CHECK(refused("[\"" + std::string(100000, 'x')).size() < 400);
}

TEST_CASE("JSON nested 128 deep is read, deeper is refused without using the stack", "[io]") {
  CHECK_NOTHROW(Json::parse(nested(128), "s"));
  check_mentions(refused(nested(129)), {"deeper than 128"});
  check_mentions(refused(std::string(10'000'000, '[')), {"deeper than 128"});
  std::string objects;
  for (int i = 0; i < 129; ++i) objects += "{\"a\":";
  check_mentions(refused(objects), {"deeper than 128"});
}

TEST_CASE("an object of 300,000 members is read, and one repeated name among them is found",
          "[io]") {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += fmt::format("\"token{}\": {}, ", i, i);
  CHECK(Json::parse(text + "\"last\": 0}", "s").as_object("").size() == 300'001);
  check_mentions(refused(text + "\"token0\": 0}"), {"duplicate key \"token0\""});
}

TEST_CASE("typed access names what was expected and found", "[io]") {
  const Json json = Json::parse(R"({"s": "x", "i": 1, "d": 0.5})", "s");
  check_mentions(message_of<FormatError>([&] { json.at("s").as_int("key s"); }),
                 {"key s: expected an integer, found a string"});
  check_mentions(message_of<FormatError>([&] { json.at("d").as_int("key d"); }),
                 {"expected an integer, found a number"});
  check_mentions(message_of<FormatError>([&] { json.at("i").as_array("key i"); }),
                 {"expected an array, found an integer"});
  check_mentions(message_of<FormatError>([&] { json.at("i").as_bool("key i"); }), {"a boolean"});
  check_mentions(message_of<FormatError>([&] { json.as_string("top"); }), {"found an object"});
  check_mentions(message_of<FormatError>([&] { Json().as_object("top"); }), {"found null"});
  check_mentions(message_of<FormatError>([&] { json.at("absent"); }), {"missing key \"absent\""});
  check_mentions(message_of<FormatError>([&] { Json(1).at("k"); }), {"\"k\"", "an object"});
}

TEST_CASE("objects and arrays are built from null, and members are replaced in place", "[io]") {
  Json json;
  json.set("a", 1).set("b", Json::Array{}).set("a", "new");
  CHECK(json.dump() == R"({"a": "new", "b": []})");
  Json array;
  array.push_back(1).push_back("x");
  CHECK(array.dump() == R"([1, "x"])");
  CHECK_THROWS_AS(array.set("a", 1), InvalidArgument);
  CHECK_THROWS_AS(json.push_back(1), InvalidArgument);
}

TEST_CASE("a JSON file is read from disk and named in errors", "[io]") {
  const TemporaryFolder folder;
  write_file(folder / "good.json", "\xef\xbb\xbf{\"a\": 1}\n");
  write_file(folder / "bad.json", "{");
  write_file(folder / "empty.json", "");
  CHECK(Json::parse_file(folder / "good.json").at("a").as_int("a") == 1);
  check_mentions(message_of<FormatError>([&] { Json::parse_file(folder / "bad.json"); }),
                 {(folder / "bad.json").string(), "line 1"});
  CHECK_THROWS_AS(Json::parse_file(folder / "empty.json"), FormatError);
  CHECK_THROWS_AS(Json::parse_file(folder / "absent.json"), Error);
}
