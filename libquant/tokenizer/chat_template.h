#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace libquant::text {

/// The string literals inside the {{ }} and {% %} of a Jinja template, escapes undone, in order.
std::vector<std::string> string_literals(std::string_view jinja);

/// The system message that a ChatML template puts first when there is none, or "".
std::string default_system_message(std::string_view jinja);

/// The day that a Llama 3.1 template names when it is not told one, or "" for other templates.
std::string default_date(std::string_view jinja);

/// How a Mistral template spells a turn; versions differ in spaces and in where the system message
/// goes.
struct MistralSpelling {
  std::string open = "[INST] ";
  std::string close = " [/INST]";
  std::string before_answer = " ";
  std::string after_eos;
  bool system_in_last_turn = false;
  bool trims_answers = false;
};
MistralSpelling mistral_spelling(std::string_view jinja);

}  // namespace libquant::text
