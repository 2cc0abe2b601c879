#include "kernels/attention.h"

#include <cstring>

#include "kernels/cpu/dispatch.h"
#include "kernels/threads.h"
#include "kernels/workspace.h"

namespace libquant::kernels {
namespace {

// Up to this many rows of one kv head, reading the cache directly beats packing it.
constexpr std::size_t kFewRows = 8;

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }
std::size_t padded(std::size_t a, std::size_t unit) { return ceil_div(a, unit) * unit; }

void decode(const KernelTable& table, const AttentionJob& job, std::size_t rows) noexcept {
  const AttentionShape& shape = job.shape;
  const std::size_t dim = padded(shape.head_dim, table.lanes);
  const std::size_t first_end = shape.keys - shape.queries + 1;
  const std::size_t begin =
      shape.window > 0 && first_end > shape.window ? first_end - shape.window : 0;
  const std::size_t parts = ceil_div(shape.keys - begin, kDecodeKeys);
  const std::size_t each = rows * (dim + 2), stride = each * shape.kv_heads;
  const std::size_t private_bytes = (dim + kDecodeKeys + table.lanes) * sizeof(float);
  auto* sums = static_cast<float*>(scratch(Scratch::left, parts * stride * sizeof(float)));
  parallel_for(parts, 1, [&](std::size_t p) {
    auto* mine = static_cast<float*>(scratch(Scratch::extra, private_bytes));
    const std::size_t key = begin + p * kDecodeKeys;
    const std::size_t keys = shape.keys - key < kDecodeKeys ? shape.keys - key : kDecodeKeys;
    for (std::size_t g = 0; g < shape.kv_heads; ++g)
      table.attention_part(job, g, key, keys, sums + p * stride + g * each, mine);
  });
  auto* mine = static_cast<float*>(scratch(Scratch::extra, private_bytes));
  for (std::size_t g = 0; g < shape.kv_heads; ++g)
    table.attention_merge(job, g, parts, stride, sums + g * each, mine);
}

// Keys as left panels and values as padded rows, both per kv head.
struct PackedCache {
  float* keys;
  float* values;
  std::size_t key_stride;  // of one kv head
  std::size_t value_stride;
};

PackedCache pack_cache(const KernelTable& table, const AttentionJob& job) noexcept {
  const AttentionShape& shape = job.shape;
  const std::size_t dim = shape.head_dim, wide = padded(dim, table.lanes);
  const std::size_t panel = table.f32.tile_rows, panels = ceil_div(shape.keys, panel);
  PackedCache packed{};
  packed.key_stride = panels * panel * dim;
  packed.value_stride = shape.keys * wide;
  packed.keys = static_cast<float*>(
      scratch(Scratch::left, packed.key_stride * shape.kv_heads * sizeof(float)));
  packed.values = static_cast<float*>(
      scratch(Scratch::right, packed.value_stride * shape.kv_heads * sizeof(float)));
  parallel_for(panels, 16, [&](std::size_t i) {
    const std::size_t key = i * panel;
    const std::size_t some = shape.keys - key < panel ? shape.keys - key : panel;
    for (std::size_t g = 0; g < shape.kv_heads; ++g) {
      const std::size_t from = key * job.ldkv + g * dim;
      table.f32.pack_left(job.k + from, static_cast<std::ptrdiff_t>(job.ldkv), 1, some, dim,
                          packed.keys + g * packed.key_stride + key * dim);
      float* to = packed.values + g * packed.value_stride + key * wide;
      for (std::size_t j = 0; j < some; ++j, to += wide) {
        std::memcpy(to, job.v + from + j * job.ldkv, dim * sizeof(float));
        std::memset(to + dim, 0, (wide - dim) * sizeof(float));
      }
    }
  });
  return packed;
}

void prefill(const KernelTable& table, const AttentionJob& job, std::size_t rows) noexcept {
  const AttentionShape& shape = job.shape;
  const PackedCache packed = pack_cache(table, job);
  const std::size_t each = table.f32.tile_cols, blocks = ceil_div(rows, each);
  const std::size_t wide = padded(shape.head_dim, table.lanes);
  const std::size_t private_bytes = (2 * wide + kAttentionKeys) * each * sizeof(float);
  // The last rows see the most keys: they go first, so that no thread is left with one at the end.
  parallel_for(blocks * shape.kv_heads, 1, [&](std::size_t item) {
    const std::size_t block = blocks - 1 - item / shape.kv_heads, group = item % shape.kv_heads;
    const std::size_t first = block * each;
    table.attention_rows(job, group, first, rows - first < each ? rows - first : each,
                         packed.keys + group * packed.key_stride,
                         packed.values + group * packed.value_stride,
                         static_cast<float*>(scratch(Scratch::extra, private_bytes)));
  });
}

}  // namespace

void attention_f32(const AttentionShape& shape, const float* q, std::size_t ldq, const float* k,
                   const float* v, std::size_t ldkv, float* out, std::size_t ldo) noexcept {
  if (shape.queries == 0 || shape.heads == 0) return;
  const KernelTable& table = active();
  const AttentionJob job{shape, q, ldq, k, v, ldkv, out, ldo};
  const std::size_t rows = shape.queries * (shape.heads / shape.kv_heads);
  if (rows <= kFewRows) {
    decode(table, job, rows);
  } else {
    prefill(table, job, rows);
  }
}

}  // namespace libquant::kernels
