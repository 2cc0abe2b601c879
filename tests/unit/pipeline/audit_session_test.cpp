#include "libquant/pipeline/audit_session.h"

#include "tests/support/catch.h"

namespace libquant {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("models are named by the shortest ends of their paths that differ") {
  CHECK(short_names({"a/model.gguf", "b/small.gguf"}) == Names{"model.gguf", "small.gguf"});
  CHECK(short_names({"a/gptq/model.gguf", "a/rtn/model.gguf"}) ==
        Names{"gptq/model.gguf", "rtn/model.gguf"});
}

TEST_CASE("a model that is compared with itself keeps its short name, with a number") {
  CHECK(short_names({"/x/y/model.gguf", "/x/y/model.gguf"}) ==
        Names{"model.gguf (1)", "model.gguf (2)"});
  CHECK(short_names({"/x/model.gguf", "/x/./model.gguf", "/y/model.gguf"}) ==
        Names{"x/model.gguf (1)", "x/model.gguf (2)", "y/model.gguf"});
}

}  // namespace
}  // namespace libquant
