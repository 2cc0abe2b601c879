#include "libquant/tokenizer/chat_template.h"

namespace libquant::text {
namespace {

// Reads the literal whose opening quote stands at `*at`; moves behind it.
std::string read_literal(std::string_view jinja, std::size_t* at) {
  const char quote = jinja[(*at)++];
  std::string out;
  for (; *at < jinja.size() && jinja[*at] != quote; ++*at) {
    if (jinja[*at] == '\\' && *at + 1 < jinja.size()) {
      const char escaped = jinja[++*at];
      out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
    } else {
      out += jinja[*at];
    }
  }
  if (*at < jinja.size()) ++*at;
  return out;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

std::vector<std::string> string_literals(std::string_view jinja) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at + 1 < jinja.size();) {
    const std::string_view open = jinja.substr(at, 2);
    if (open == "{#") {
      at = jinja.find("#}", at + 2);
      if (at == jinja.npos) break;
      at += 2;
    } else if (open == "{{" || open == "{%") {
      const std::string_view close = open == "{{" ? "}}" : "%}";
      at += 2;
      while (at < jinja.size() && jinja.substr(at, 2) != close) {
        if (jinja[at] == '\'' || jinja[at] == '"') {
          out.push_back(read_literal(jinja, &at));
        } else {
          ++at;
        }
      }
    } else {
      ++at;
    }
  }
  return out;
}

std::string default_system_message(std::string_view jinja) {
  constexpr std::string_view kOpen = "<|im_start|>system\n";
  constexpr std::string_view kClose = "<|im_end|>";
  for (const std::string& literal : string_literals(jinja)) {
    if (!literal.starts_with(kOpen)) continue;
    const std::size_t end = literal.find(kClose);
    if (end != literal.npos && end > kOpen.size()) {
      return literal.substr(kOpen.size(), end - kOpen.size());
    }
  }
  return "";
}

std::string default_date(std::string_view jinja) {
  if (!contains(jinja, "Cutting Knowledge Date")) return "";
  constexpr std::string_view kAssignment = "date_string = ";
  for (std::size_t at = jinja.find(kAssignment); at != jinja.npos;
       at = jinja.find(kAssignment, at + 1)) {
    std::size_t literal = at + kAssignment.size();
    if (literal < jinja.size() && (jinja[literal] == '"' || jinja[literal] == '\'')) {
      return read_literal(jinja, &literal);
    }
  }
  return "26 Jul 2024";
}

MistralSpelling mistral_spelling(std::string_view jinja) {
  MistralSpelling spelling;
  if (!contains(jinja, "[INST]")) return spelling;
  bool open = false, close = false;
  for (const std::string& literal : string_literals(jinja)) {
    const bool has_open = contains(literal, "[INST]"), has_close = contains(literal, "[/INST]");
    if (has_open && !has_close && !open) {
      spelling.open = literal;
      open = true;
    }
    if (has_close && !has_open && !close) {
      spelling.close = literal;
      close = true;
    }
  }
  const bool space = contains(jinja, "' ' + message['content']") ||
                     contains(jinja, "\" \" + message[\"content\"]");
  spelling.before_answer.assign(space ? 1 : 0, ' ');
  const bool trailing = contains(jinja, "eos_token + ' '") || contains(jinja, "eos_token + \" \"");
  spelling.after_eos.assign(trailing ? 1 : 0, ' ');
  spelling.system_in_last_turn = contains(jinja, "loop.last");
  spelling.trims_answers =
      contains(jinja, "|trim + eos_token") || contains(jinja, "| trim + eos_token");
  return spelling;
}

}  // namespace libquant::text
