#include "libquant/audit/html_report.h"

#include <string>
#include <string_view>

#include "libquant/core/error.h"
#include "libquant/io/text.h"
#include "tests/support/catch.h"

namespace {

using namespace libquant;

constexpr std::string_view kBeforeData = "<script type=\"application/json\" id=\"report-data\">";

Json estimate(double value) {
  return Json::object({{"value", value}, {"low", value - 0.1}, {"high", value + 0.1}, {"n", 40}});
}

// The least that a report must have.
Json report_with(Json::Array changed_items = {}, Json::Array points = {}) {
  const Json shares = Json::object(
      {{"stereotype", estimate(0.3)}, {"anti", estimate(0.3)}, {"unknown", estimate(0.4)}});
  const Json all = Json::object({{"name", "all"},
                                 {"items", 40},
                                 {"base", shares},
                                 {"quantized", shares},
                                 {"emergence", estimate(0.2)},
                                 {"emergence_null", estimate(0.15)},
                                 {"excess_emergence", estimate(0.05)},
                                 {"stereotype_shift", estimate(0)},
                                 {"quantized_accuracy", estimate(0.6)}});
  const Json gate = Json::object({{"verdict", "fail"}, {"criteria", Json::Array{}}});
  const Json model = Json::object({{"name", "small"},
                                   {"bits", 3},
                                   {"gate", gate},
                                   {"all", all},
                                   {"changed_items", std::move(changed_items)},
                                   {"points", std::move(points)}});
  return Json::object({{"kind", "audit"}, {"models", Json(Json::Array{model})}});
}

Json item_with(std::string text) {
  return Json::object({{"id", "own/1"}, {"context", std::move(text)}});
}

std::string_view data_of(std::string_view page) {
  const std::size_t begin = page.find(kBeforeData);
  REQUIRE(begin != page.npos);
  page.remove_prefix(begin + kBeforeData.size());
  return page.substr(0, page.find("</script"));
}

Json first_model(const Json& report) { return report.at("models").as_array("models").at(0); }

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("the report's JSON can be read back out of the page", "[audit]") {
  Json::Array items;
  for (const std::string_view text :
       {"plain", "</script><script>alert(1)</script>", "<!--<script>", "a & b &lt; \"c\" 'd' \\ /",
        "line\xe2\x80\xa8paragraph\xe2\x80\xa9 tab\t nul\x01 emoji \xf0\x9f\x98\x80", "{{data}}"})
    items.push_back(item_with(std::string(text)));
  const Json report = report_with(items);
  const std::string page = audit_report_html(report);
  CHECK(Json::parse(data_of(page), "page") == report);
  CHECK(page == audit_report_html(report));
}

TEST_CASE("no text of a report can leave the page's data", "[audit]") {
  const std::string plain = audit_report_html(report_with({item_with("harmless")}));
  for (const std::string text : {"</script><script>alert(1)</script>", "</SCRIPT >", "<!--<script>",
                                 "--></script>", "<img src=x onerror=alert(1)>"}) {
    Json report = report_with({item_with(text)});
    report.set("title", text);
    report.set(text, text);
    const std::string page = audit_report_html(report);
    CHECK(count_of(page, "<") == count_of(plain, "<"));
    CHECK(data_of(page).find_first_of("<>&") == std::string_view::npos);
    CHECK(data_of(page).find("\xe2\x80\xa8") == std::string_view::npos);
  }
}

TEST_CASE("bytes that are not UTF-8 become replacement characters", "[audit]") {
  const std::string page =
      audit_report_html(report_with({item_with("a\xff\xc3(b\xed\xa0\x80\xf0\x9f")}));
  CHECK(is_utf8(page));
  const Json item = first_model(Json::parse(data_of(page), "page")).at("changed_items");
  CHECK(item.as_array("items").at(0).at("context").as_string("context") ==
        "a\xef\xbf\xbd\xef\xbf\xbd(b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("the page names nothing outside itself", "[audit]") {
  const std::string page = audit_report_html(report_with());
  // Names of XML dialects look like addresses, but nothing is fetched from them.
  CHECK(count_of(page, "://") == count_of(page, "http://www.w3.org/"));
  for (const std::string_view part : {"src=", "@import", "url(", "<link", "<iframe", "<base "})
    CHECK(count_of(page, part) == 0);
  CHECK(page.find("default-src 'none'") != std::string::npos);
  CHECK(page.find("unsafe") == std::string::npos);
  CHECK(page.find("{{") == std::string::npos);
  CHECK(count_of(page, "<script") == 3);
  CHECK(page.find("Mike Bostock") != std::string::npos);
}

TEST_CASE("a long text is cut where a character ends, and says how much is missing", "[audit]") {
  HtmlLimits limits;
  limits.text_bytes = 10;
  const std::string page =
      audit_report_html(report_with({item_with("123456789\xc3\xa4 and more")}), limits);
  const Json items = first_model(Json::parse(data_of(page), "page")).at("changed_items");
  CHECK(items.as_array("items").at(0).at("context").as_string("context") ==
        "123456789 … (11 bytes left out)");
}

TEST_CASE("a page that would be too large leaves out points, then items, and says so", "[audit]") {
  Json::Array points, items;
  for (int i = 0; i < 4000; ++i)
    points.push_back(Json::object({{"id", std::to_string(i)}, {"margin", 0.125}}));
  for (int i = 0; i < 60; ++i) items.push_back(item_with(std::to_string(i)));
  const Json report = report_with(items, points);
  const std::size_t whole = audit_report_html(report).size();
  HtmlLimits limits;
  limits.page_bytes = whole;
  CHECK(Json::parse(data_of(audit_report_html(report, limits)), "page") == report);

  limits.page_bytes = whole - 1;
  const std::string page = audit_report_html(report, limits);
  CHECK(page.size() <= limits.page_bytes);
  const Json shown = Json::parse(data_of(page), "page");
  const Json model = first_model(shown);
  CHECK(model.at("points").as_array("points").size() == 1000);
  CHECK(model.at("points").as_array("points").at(1).at("id").as_string("id") == "4");
  CHECK(model.at("changed_items").as_array("items").size() == 50);
  CHECK(shown.at("shortened").as_string("shortened").find("3000 points and 10 changed items") !=
        std::string::npos);

  limits.page_bytes = 1000;
  CHECK_THROWS_AS(audit_report_html(report, limits), InvalidArgument);
}

TEST_CASE("a report that lacks what the page shows is refused by name", "[audit]") {
  const auto message = [](const Json& report) -> std::string {
    try {
      audit_report_html(report);
    } catch (const InvalidArgument& error) {
      return error.what();
    }
    return "no error";
  };
  CHECK(message(Json::object({{"kind", "audit"}})).find("\"models\"") != std::string::npos);
  CHECK(message(Json::object({{"models", Json::Array{}}})).find("at least one") !=
        std::string::npos);
  Json report = report_with();
  Json model = first_model(report);
  model.set("gate", Json::object({{"verdict", "pass"}}));
  report.set("models", Json::Array{model});
  CHECK(message(report).find("\"criteria\" in gate") != std::string::npos);
}
