#include "libquant/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "libquant/tokenizer/unicode.h"

namespace libquant::text {
namespace {

using Behavior = TokenizerSpec::Split::Behavior;

template <typename... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overload(Ts...) -> Overload<Ts...>;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(from, at), text.size());
    out += text.substr(at, found - at);
    if (found < text.size()) out += to;
    at = found + from.size();
  }
  return out;
}

// A stretch of a piece, and whether it is what the pattern looks for.
struct Part {
  std::size_t begin = 0, end = 0;
  bool match = false;
};

// The matches and what lies between them; it covers the piece.
void parts_of(std::string_view piece, const std::vector<Pattern::Match>& matches, bool invert,
              std::vector<Part>* parts) {
  parts->clear();
  std::size_t done = 0;
  for (const auto& match : matches) {
    if (done < match.begin) parts->push_back({done, match.begin, invert});
    parts->push_back({match.begin, match.end, !invert});
    done = match.end;
  }
  if (done < piece.size()) parts->push_back({done, piece.size(), invert});
}

std::vector<Part> merge_with_previous(const std::vector<Part>& parts) {
  std::vector<Part> out;
  bool after_match = false;
  for (const Part& part : parts) {
    if (part.match && !after_match && !out.empty()) {
      out.back().end = part.end;
    } else {
      out.push_back(part);
    }
    after_match = part.match;
  }
  return out;
}

std::vector<Part> merge_with_next(const std::vector<Part>& parts) {
  std::vector<Part> out;
  bool before_match = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->match && !before_match && !out.empty()) {
      out.back().begin = part->begin;
    } else {
      out.push_back(*part);
    }
    before_match = part->match;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Part> merge_runs(const std::vector<Part>& parts) {
  std::vector<Part> out;
  for (const Part& part : parts) {
    if (!out.empty() && out.back().match == part.match) {
      out.back().end = part.end;
    } else {
      out.push_back(part);
    }
  }
  return out;
}

void arrange(Behavior behavior, std::vector<Part>* parts) {
  switch (behavior) {
    case Behavior::isolated:
      break;
    case Behavior::removed:
      std::erase_if(*parts, [](const Part& part) { return part.match; });
      break;
    case Behavior::merged_with_previous:
      *parts = merge_with_previous(*parts);
      break;
    case Behavior::merged_with_next:
      *parts = merge_with_next(*parts);
      break;
    case Behavior::contiguous:
      *parts = merge_runs(*parts);
      break;
  }
}

// Replaces the text of every piece by what `respell(piece, is the start of the text)` appends.
template <typename Respell>
void respell_pieces(Pieces* pieces, Respell respell) {
  Pieces out;
  out.starts_text = pieces->starts_text;
  out.text.reserve(pieces->text.size() + pieces->text.size() / 4);
  out.spans.reserve(pieces->spans.size());
  for (std::size_t i = 0; i < pieces->spans.size(); ++i) {
    const std::size_t begin = out.text.size();
    respell((*pieces)[i], i == 0 && pieces->starts_text, &out.text);
    out.spans.push_back({begin, out.text.size()});
  }
  *pieces = std::move(out);
}

void cut_before_space_marks(Pieces* pieces) {
  std::vector<Pieces::Span> spans;
  for (const auto& span : pieces->spans) {
    std::size_t begin = span.begin;
    for (std::size_t at = pieces->text.find(kSpaceMark, begin); at < span.end;
         at = pieces->text.find(kSpaceMark, at + kSpaceMark.size())) {
      if (begin < at) spans.push_back({begin, at});
      begin = at;
    }
    if (begin < span.end) spans.push_back({begin, span.end});
  }
  pieces->spans = std::move(spans);
}

}  // namespace

std::string normalize(std::span<const TokenizerSpec::Normalizer> normalizers,
                      std::string_view text) {
  std::string out(text);
  for (const auto& normalizer : normalizers) {
    std::visit(Overload{[&](const TokenizerSpec::Nfc&) { out = to_nfc(out); },
                        [&](const TokenizerSpec::Prepend& prepend) {
                          if (!out.empty()) out.insert(0, prepend.text);
                        },
                        [&](const TokenizerSpec::Replace& replace) {
                          out = replace_all(out, replace.from, replace.to);
                        }},
               normalizer);
  }
  return out;
}

PreTokenizerChain::PreTokenizerChain(const TokenizerSpec& spec) {
  for (const auto& pre_tokenizer : spec.pre_tokenizers) {
    std::visit(Overload{[&](const TokenizerSpec::Split& split) {
                          steps_.emplace_back(
                              CompiledSplit{Pattern(split.pattern), split.behavior, split.invert});
                        },
                        [&](const TokenizerSpec::ByteLevel& byte_level) {
                          if (byte_level.add_prefix_space) steps_.emplace_back(PrefixSpace{});
                          if (byte_level.use_regex) {
                            steps_.emplace_back(
                                CompiledSplit{Pattern(kGpt2Pattern), Behavior::isolated, false});
                          }
                          steps_.emplace_back(ByteLetters{});
                        },
                        [&](const TokenizerSpec::Metaspace& metaspace) {
                          steps_.emplace_back(metaspace);
                        }},
               pre_tokenizer);
  }
}

Pieces PreTokenizerChain::run(std::string text, bool starts_text) const {
  Pieces pieces{std::move(text), {}, starts_text};
  if (!pieces.text.empty()) pieces.spans.push_back({0, pieces.text.size()});
  for (const Step& step : steps_) {
    std::visit([&](const auto& kind) { apply(kind, &pieces); }, step);
  }
  return pieces;
}

void PreTokenizerChain::apply(const CompiledSplit& split, Pieces* pieces) {
  Pattern::Searcher searcher(split.pattern);
  std::vector<Pattern::Match> matches;
  std::vector<Part> parts;
  std::vector<Pieces::Span> spans;
  for (std::size_t i = 0; i < pieces->spans.size(); ++i) {
    const std::string_view piece = (*pieces)[i];
    const std::size_t begin = pieces->spans[i].begin;
    searcher.find_all(piece, &matches);
    parts_of(piece, matches, split.invert, &parts);
    arrange(split.behavior, &parts);
    const bool drops_start = parts.empty() || parts.front().begin > 0;
    if (i == 0 && drops_start) pieces->starts_text = false;
    for (const Part& part : parts) {
      if (part.begin < part.end) spans.push_back({begin + part.begin, begin + part.end});
    }
  }
  pieces->spans = std::move(spans);
}

void PreTokenizerChain::apply(const PrefixSpace&, Pieces* pieces) {
  respell_pieces(pieces, [](std::string_view piece, bool, std::string* out) {
    if (!piece.starts_with(' ')) *out += ' ';
    *out += piece;
  });
}

void PreTokenizerChain::apply(const ByteLetters&, Pieces* pieces) {
  respell_pieces(pieces, [](std::string_view piece, bool, std::string* out) {
    append_byte_letters(out, piece);
  });
}

void PreTokenizerChain::apply(const TokenizerSpec::Metaspace& metaspace, Pieces* pieces) {
  using Scheme = TokenizerSpec::Metaspace::Prepend;
  respell_pieces(pieces, [&](std::string_view piece, bool first, std::string* out) {
    const bool prepends =
        metaspace.prepend == Scheme::always || (metaspace.prepend == Scheme::first && first);
    if (prepends && !piece.starts_with(' ') && !piece.starts_with(kSpaceMark)) *out += kSpaceMark;
    *out += replace_all(piece, " ", kSpaceMark);
  });
  if (metaspace.split) cut_before_space_marks(pieces);
}

}  // namespace libquant::text
