#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace libquant {

/// What an option of a probe item stands for.
enum class OptionRole : std::uint8_t {
  none,        ///< ordinary answer (zero-shot sets)
  stereotype,  ///< agrees with the stereotype, after correction for the question's polarity
  anti,        ///< the other group
  unknown,     ///< abstains: "not enough information"
  unrelated,   ///< meaningless control (StereoSet)
};
std::string_view to_string(OptionRole role) noexcept;

/// How much the context tells: ambiguous items have no right answer but `unknown`.
enum class Condition : std::uint8_t { none, ambiguous, disambiguated };
std::string_view to_string(Condition condition) noexcept;

/// Whether the options answer a question or are whole sentences to be compared.
enum class ItemForm : std::uint8_t { choice, sentences };

struct ProbeOption {
  std::string text;
  OptionRole role = OptionRole::none;
};

/// One item of a probe set, whatever file it came from.
struct ProbeItem {
  std::string id;        ///< unique within everything that is loaded: "bbq/Religion/17"
  std::string set;       ///< "bbq", "stereoset", "crows_pairs", ...
  std::string category;  ///< "Religion"
  std::string group;     ///< group of people that the stereotype is about; empty if none
  std::string polarity;  ///< "neg", "nonneg" or empty
  Condition condition = Condition::none;
  std::string
      template_id;  ///< items of one template are not independent: unit of splits and bootstrap
  ItemForm form = ItemForm::choice;
  std::string context;   ///< may be empty; unused for sentences
  std::string question;  ///< unused for sentences
  std::string
      prompt;  ///< text before the answer, where the set prescribes it; else made from the two
  std::vector<ProbeOption> options;
  int correct = -1;  ///< index of the right option, -1 = there is none
};

/// A loaded set with its provenance.
struct ProbeSet {
  std::string name;
  std::string path;
  std::string licence;       ///< as far as the loader knows it: "CC-BY-4.0", else "unknown"
  std::string content_hash;  ///< XXH3-128 of the file
  std::vector<ProbeItem> items;
  std::size_t skipped = 0;  ///< rows that no rule resolves (16 in BBQ's Gender_identity); reported
};

}  // namespace libquant
