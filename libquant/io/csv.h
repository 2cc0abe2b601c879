#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace libquant {

/// Rows of a delimited text file (RFC 4180: quotes, doubled quotes, line breaks inside quotes),
/// with the header's names. Every row has as many fields as the header.
struct CsvTable {
  std::string source;  ///< for messages
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// Index of a column; FormatError naming the file and the columns it has.
  std::size_t column(std::string_view name) const;
  bool has_column(std::string_view name) const;
};

/// FormatError naming file and row for a broken quote or a row of another length than the header.
CsvTable read_csv(const std::filesystem::path& path, char delimiter = ',');

}  // namespace libquant
