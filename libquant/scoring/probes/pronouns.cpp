#include <algorithm>
#include <array>
#include <optional>

#include "libquant/core/error.h"
#include "libquant/scoring/probes/loaders.h"

// Who does the pronoun mean? WinoBias (Zhao et al. 2018) and Winogender (Rudinger et al. 2018),
// asked as "'He' refers to the ..." with the two people as options (the wording of
// lm-evaluation-harness).
namespace libquant::probes {
namespace {

// WinoBias' forty occupations; the labour statistics behind "pro" and "anti" are in its paper.
constexpr std::array<std::string_view, 40> kOccupations{"construction worker",
                                                        "driver",
                                                        "supervisor",
                                                        "janitor",
                                                        "cook",
                                                        "mover",
                                                        "laborer",
                                                        "chief",
                                                        "developer",
                                                        "carpenter",
                                                        "manager",
                                                        "lawyer",
                                                        "farmer",
                                                        "salesperson",
                                                        "physician",
                                                        "guard",
                                                        "analyst",
                                                        "mechanic",
                                                        "sheriff",
                                                        "CEO",
                                                        "attendant",
                                                        "cashier",
                                                        "teacher",
                                                        "nurse",
                                                        "assistant",
                                                        "secretary",
                                                        "auditor",
                                                        "cleaner",
                                                        "receptionist",
                                                        "clerk",
                                                        "counselor",
                                                        "designer",
                                                        "hairdresser",
                                                        "writer",
                                                        "housekeeper",
                                                        "baker",
                                                        "accountant",
                                                        "editor",
                                                        "librarian",
                                                        "tailor"};

std::string capitalized(std::string_view word) {
  std::string out(word);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

std::string refers_to(std::string_view sentence, std::string_view pronoun) {
  return fmt::format("{} \u2018{}\u2019 refers to the", sentence, capitalized(pronoun));
}

bool contains_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const auto letter = [&](std::size_t i) {
      return i < text.size() && ((text[i] | 32) >= 'a' && (text[i] | 32) <= 'z');
    };
    if ((at == 0 || !letter(at - 1)) && !letter(at + word.size())) return true;
  }
  return false;
}

bool is_pronoun(std::string_view word) {
  const std::string low = lower(word);
  return low == "he" || low == "she" || low == "him" || low == "her" || low == "his" ||
         low == "hers";
}

bool is_male(std::string_view pronoun) {
  const std::string low = lower(pronoun);
  return low == "he" || low == "him" || low == "his";
}

struct Marked {
  std::string sentence;  ///< without number and brackets
  std::string person;
  std::string pronoun;  ///< the first one: a sentence may mark several of the same person
};

// A line with brackets round one person and at least one pronoun.
std::optional<Marked> unmark(std::string_view line) {
  Marked out;
  line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
  while (!line.empty()) {
    const std::size_t begin = std::min(line.find('['), line.size());
    out.sentence += line.substr(0, begin);
    if (begin == line.size()) break;
    const std::size_t end = line.find(']', begin);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view inside = line.substr(begin + 1, end - begin - 1);
    out.sentence += inside;
    std::string& part = is_pronoun(inside) ? out.pronoun : out.person;
    if (part.empty()) part = inside;
    line.remove_prefix(end + 1);
  }
  if (out.person.empty() || out.pronoun.empty()) return std::nullopt;
  return out;
}

std::string without_article(std::string_view entity) {
  for (const std::string_view article : {"the ", "The ", "a ", "A "}) {
    if (entity.starts_with(article)) entity.remove_prefix(article.size());
  }
  return std::string(entity);
}

std::optional<std::string> other_occupation(std::string_view sentence, std::string_view named) {
  for (const std::string_view occupation : kOccupations) {
    if (occupation != named && contains_word(sentence, occupation)) return std::string(occupation);
  }
  return std::nullopt;
}

}  // namespace

void load_winobias(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "MIT";
  const std::string file = path.filename().string();
  const bool pro = file.starts_with("pro_"), anti = file.starts_with("anti_");
  require<FormatError>(pro || anti, "{}: the file name says neither pro_ nor anti_", path.string());
  const std::string type = file.find("type1") != std::string::npos ? "type1" : "type2";
  std::size_t number = 0;
  for (const std::string& line : read_lines(path)) {
    if (line.empty()) continue;
    ++number;
    const auto marked = unmark(line);
    const std::string person = marked.has_value() ? without_article(marked->person) : "";
    const auto other =
        marked.has_value() ? other_occupation(marked->sentence, person) : std::nullopt;
    if (!other.has_value()) {
      ++set.skipped;
      continue;
    }
    ProbeItem item;
    item.id = fmt::format("winobias/{}/{}/{}", type, pro ? "pro" : "anti", number);
    item.set = "winobias";
    item.category = "WinoBias " + type;
    item.group = is_male(marked->pronoun) ? "male" : "female";
    item.polarity = pro ? "pro" : "anti";
    item.condition = Condition::disambiguated;
    item.template_id = fmt::format("winobias/{}/{}", type, number);
    item.context = marked->sentence;
    item.prompt = refers_to(marked->sentence, marked->pronoun);
    item.options = {{person, pro ? OptionRole::stereotype : OptionRole::anti},
                    {*other, pro ? OptionRole::anti : OptionRole::stereotype}};
    item.correct = 0;
    set.items.push_back(std::move(item));
  }
}

void load_winogender(const std::filesystem::path& path, ProbeSet& set) {
  set.licence = "MIT";
  const CsvTable table = read_csv(path, '\t');
  const std::size_t id = table.column("sentid"), text = table.column("sentence");
  for (const auto& row : table.rows) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= row[id].size();) {
      const std::size_t end = std::min(row[id].find('.', begin), row[id].size());
      parts.push_back(row[id].substr(begin, end - begin));
      begin = end + 1;
    }
    require<FormatError>(parts.size() == 5 && (parts[2] == "0" || parts[2] == "1"),
                         "{}: sentid \"{}\" is not occupation.participant.answer.gender.txt",
                         path.string(), row[id]);
    std::string pronoun;
    for (const std::string_view word :
         {"he", "she", "they", "him", "her", "them", "his", "their"}) {
      if (contains_word(row[text], word)) pronoun = word;
    }
    if (pronoun.empty()) {
      ++set.skipped;
      continue;
    }
    ProbeItem item;
    item.id = fmt::format("winogender/{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[3]);
    item.set = "winogender";
    item.category = "Winogender";
    item.group = parts[3];
    item.polarity = parts[3];
    item.condition = Condition::disambiguated;
    item.template_id = fmt::format("winogender/{}", parts[0]);
    item.context = row[text];
    item.prompt = refers_to(row[text], pronoun);
    item.options = {{parts[0], OptionRole::none}, {parts[1], OptionRole::none}};
    item.correct = parts[2] == "0" ? 0 : 1;
    set.items.push_back(std::move(item));
  }
}

}  // namespace libquant::probes
