#include <algorithm>
#include <numeric>

#include "libquant/algorithms/metric.h"
#include "libquant/core/error.h"

namespace libquant {

std::string_view to_string(ActOrder order) noexcept {
  switch (order) {
    case ActOrder::none:
      return "none";
    case ActOrder::group:
      return "group";
    case ActOrder::static_all:
      return "static_all";
  }
  return "unknown";
}

ActOrder act_order_from(std::string_view name) {
  for (const auto order : {ActOrder::none, ActOrder::group, ActOrder::static_all})
    if (name == to_string(order)) return order;
  fail<InvalidArgument>("act-order '{}': expected none, group or static_all", name);
}

std::vector<std::uint32_t> visiting_order(std::span<const double> diagonal, ActOrder order,
                                          std::size_t group_columns) {
  std::vector<std::uint32_t> columns(diagonal.size());
  std::iota(columns.begin(), columns.end(), 0u);
  if (order == ActOrder::none) return columns;
  const auto larger = [&](std::uint32_t a, std::uint32_t b) { return diagonal[a] > diagonal[b]; };
  if (order == ActOrder::static_all) {
    std::ranges::stable_sort(columns, larger);
    return columns;
  }
  const auto width = static_cast<std::ptrdiff_t>(group_columns);
  std::vector<std::span<std::uint32_t>> groups;
  for (auto begin = columns.begin(); begin != columns.end(); begin += width) {
    groups.emplace_back(begin, begin + width);
    std::ranges::stable_sort(groups.back(), larger);
  }
  std::ranges::stable_sort(groups, [&](auto a, auto b) { return larger(a.front(), b.front()); });
  std::vector<std::uint32_t> visited;
  visited.reserve(columns.size());
  for (const auto group : groups) visited.insert(visited.end(), group.begin(), group.end());
  return visited;
}

}  // namespace libquant
