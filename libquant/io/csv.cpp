#include "libquant/io/csv.h"

#include <csv.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "libquant/core/error.h"
#include "libquant/io/mapped_file.h"

namespace libquant {
namespace {

struct Rows {
  std::vector<std::vector<std::string>> done;
  std::vector<std::string> current;
};

void on_field(void* text, std::size_t length, void* context) {
  auto& rows = *static_cast<Rows*>(context);
  rows.current.emplace_back(text == nullptr ? "" : static_cast<const char*>(text), length);
}

void on_row(int, void* context) {
  auto& rows = *static_cast<Rows*>(context);
  rows.done.push_back(std::move(rows.current));
  rows.current.clear();
}

}  // namespace

std::size_t CsvTable::column(std::string_view name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  require<FormatError>(found != header.end(), "{}: no column \"{}\"; it has: {}", source, name,
                       fmt::join(header, ", "));
  return static_cast<std::size_t>(found - header.begin());
}

bool CsvTable::has_column(std::string_view name) const {
  return std::find(header.begin(), header.end(), name) != header.end();
}

CsvTable read_csv(const std::filesystem::path& path, char delimiter) {
  const MappedFile file(path);
  csv_parser parser;
  require<Error>(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) == 0,
                 "{}: no memory for the csv parser", path.string());
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, csv_free);
  csv_set_delim(&parser, static_cast<unsigned char>(delimiter));
  csv_set_space_func(&parser, [](unsigned char) { return 0; });
  Rows rows;
  const auto bytes = file.bytes();
  const bool read =
      csv_parse(&parser, bytes.data(), bytes.size(), on_field, on_row, &rows) == bytes.size() &&
      csv_fini(&parser, on_field, on_row, &rows) == 0;
  require<FormatError>(read, "{}: row {}: {}", path.string(), rows.done.size() + 1,
                       csv_strerror(csv_error(&parser)));
  require<FormatError>(!rows.done.empty(), "{}: the file has no header row", path.string());
  CsvTable table{path.string(), std::move(rows.done.front()), {}};
  rows.done.erase(rows.done.begin());
  table.rows = std::move(rows.done);
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    require<FormatError>(table.rows[r].size() == table.header.size(),
                         "{}: row {} has {} fields, the header has {}", path.string(), r + 2,
                         table.rows[r].size(), table.header.size());
  }
  return table;
}

}  // namespace libquant
