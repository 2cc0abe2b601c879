// Activations to int8, outputs from totals. No include guard on purpose; include nothing here.

// A run below this counts as zero, so that 127 / magnitude stays finite.
constexpr std::uint32_t kTinyBits = 0x0d800000;  // 2^-100
constexpr std::uint32_t kInfinityBits = 0x7f800000;

// Bits of the largest |x|: they order like the values, infinity and NaN above all others.
LIBQUANT_INLINE std::uint32_t largest_bits(const float* x, std::size_t count) noexcept {
  Words largest = Words::zero();
  std::size_t k = 0;
  for (; k + F32::kLanes <= count; k += F32::kLanes)
    largest = Words::max(largest, Words::magnitude_bits(F32::load(x + k)));
  if (k < count)
    largest = Words::max(largest, Words::magnitude_bits(F32::load_first(x + k, count - k)));
  return static_cast<std::uint32_t>(largest.max_lane());
}

struct Step {
  float scale;
  float inverse;
};

LIBQUANT_INLINE Step step_of(std::uint32_t largest) noexcept {
  if (largest >= kInfinityBits) return {__builtin_nanf(""), 0};
  if (largest < kTinyBits) return {0, 0};
  const float magnitude = __builtin_bit_cast(float, largest);
  return {magnitude / 127.0f, 127.0f / magnitude};
}

LIBQUANT_INLINE F32 saturated(F32 x) noexcept {
  return F32::max(F32::min(x, F32::broadcast(127)), F32::broadcast(-127));
}

// Writes the codes of one column of a tile by fours, of which pairs lie beside each other where the
// depth is 8. `k`, the first column of x, is a multiple of 8.
struct CodeWriter {
  std::int8_t* to;
  std::size_t next, after;  // bytes to the next four, and from there to the one after it

  LIBQUANT_INLINE CodeWriter(const PackedTokens& tokens, std::size_t column, std::size_t k) noexcept
      : to(tokens.codes + k * tokens.columns + column * tokens.depth),
        next(tokens.depth == 4 ? 4 * tokens.columns : 4),
        after(8 * tokens.columns - next) {}

  // Lanes are consecutive columns of x.
  LIBQUANT_INLINE void put(Words q) noexcept {
    alignas(64) std::int8_t bytes[Words::kLanes];
    q.store_bytes(bytes);
    LIBQUANT_UNROLL
    for (std::size_t i = 0; i < Words::kLanes; i += 4) {
      __builtin_memcpy(to, bytes + i, 4);
      to += next;
      const std::size_t other = after;
      after = next;
      next = other;
    }
  }
};

// Run of columns [begin, end), zeros from `cols` on.
LIBQUANT_INLINE void quantize_run(const QuantizeJob& job, const float* x, std::size_t run,
                                  Step step, std::size_t column,
                                  const PackedTokens& tokens) noexcept {
  const std::size_t begin = run * job.runs.blocks * kBlockColumns;
  const std::size_t rest = job.blocks * kBlockColumns - begin;
  const std::size_t end =
      begin + (rest < job.runs.blocks * kBlockColumns ? rest : job.runs.blocks * kBlockColumns);
  const F32 scale = F32::broadcast(-step.scale), inverse = F32::broadcast(step.inverse);
  const F32 fine = F32::broadcast(step.inverse * 254.0f);
  Words sum = Words::zero(), rest_sum = Words::zero();
  CodeWriter codes(tokens, column, begin), rest_codes(tokens, column + 1, begin);
  for (std::size_t k = begin; k < end; k += F32::kLanes) {
    const std::size_t left = k < job.cols ? job.cols - k : 0;
    const F32 value = left >= F32::kLanes ? F32::load(x + k)
                      : left > 0          ? F32::load_first(x + k, left)
                                          : F32::zero();
    const Words q = Words::rounded(saturated(value * inverse));
    sum = sum + q;
    codes.put(q);
    if (job.residual) {
      const F32 error = fused(scale, q.to_float(), value);
      const Words r = Words::rounded(saturated(error * fine));
      rest_sum = rest_sum + r;
      rest_codes.put(r);
    }
  }
  const auto note = [&](std::size_t c, float s, std::int32_t total) LIBQUANT_LAMBDA {
    const std::size_t at = run * tokens.columns + c;
    tokens.scales[at] = s;
    tokens.moments[at] = s * static_cast<float>(total);
    tokens.starts[at] = job.start - job.factor * total;
  };
  note(column, step.scale, sum.sum());
  if (job.residual) note(column + 1, step.scale / 254.0f, rest_sum.sum());
}

// See PackedTable::quantize.
void quantize_token(const QuantizeJob& job, const float* x, std::size_t column,
                    const PackedTokens& tokens) noexcept {
  const std::size_t width = job.runs.blocks * kBlockColumns;
  const bool each = job.scale == ActivationScale::group;
  const std::uint32_t all = each ? 0 : largest_bits(x, job.cols);
  // Magnitudes first: a run's reductions and divisions would hold up its roundings.
  constexpr std::size_t kBatch = 16;
  Step steps[kBatch];
  for (std::size_t first = 0; first < job.runs.count; first += kBatch) {
    const std::size_t some = job.runs.count - first < kBatch ? job.runs.count - first : kBatch;
    for (std::size_t i = 0; i < some; ++i) {
      const std::size_t begin = (first + i) * width, rest = job.cols - begin;
      steps[i] = step_of(each ? largest_bits(x + begin, rest < width ? rest : width) : all);
      if (job.scale == ActivationScale::tensor && all < kInfinityBits)
        steps[i] = {job.tensor_scale, 1 / job.tensor_scale};
    }
    for (std::size_t i = 0; i < some; ++i)
      quantize_run(job, x, first + i, steps[i], column, tokens);
  }
}

// See PackedTable::finish.
void finish_outputs(const PackedOutput& output, const float* totals, std::size_t tokens, float* y,
                    std::size_t ldy) noexcept {
  const F32 alpha = F32::broadcast(output.alpha);
  const std::size_t step = output.residual ? 2 : 1;
  for (std::size_t t = 0; t < tokens; ++t, totals += step * kPanelRows, y += ldy) {
    for (std::size_t i = 0; i < output.rows; i += F32::kLanes) {
      const std::size_t rest = output.rows - i;
      const bool whole = rest >= F32::kLanes;
      const auto load = [&](const float* from) LIBQUANT_LAMBDA {
        return whole ? F32::load(from) : F32::load_first(from, rest);
      };
      F32 total = F32::load(totals + i);
      if (output.residual) total = total + F32::load(totals + kPanelRows + i);
      F32 value = fused(total, alpha, output.bias == nullptr ? F32::zero() : load(output.bias + i));
      if (output.accumulate) value = load(y + i) + value;
      whole ? value.store(y + i) : value.store_first(y + i, rest);
    }
  }
}
