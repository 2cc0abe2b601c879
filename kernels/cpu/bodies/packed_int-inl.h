// Integer products of packed codes with quantized activations. No include guard on purpose;
// include nothing here.

// How far ahead of the codes in use a stream asks for more: the machine's own prefetching does not
// cover the latency of memory behind several streams (docs/kernels.md has the measurement).
constexpr std::size_t kAheadBytes = 2048;

// PackedAhead on its way: many prefetches at once would hold up the loads between.
template <std::size_t kPanels>
struct Ahead {
  PackedAhead next;
  bool any = next.lines + next.arrays + next.rows != 0;

  LIBQUANT_INLINE void block() noexcept {
    if (__builtin_expect(!any, 1)) return;  // three tests per block would show in most tiles
    for (std::size_t i = 0; i < next.lines; ++i) {
      LIBQUANT_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        __builtin_prefetch(next.codes[p], 0, 2);
        next.codes[p] += kLineBytes;
      }
    }
    for (std::size_t i = 0; i < next.arrays; ++i) {
      LIBQUANT_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        __builtin_prefetch(next.parameters[i][p], 0, 2);
        next.parameters[i][p] += next.parameter_step[i];
      }
    }
    for (std::size_t i = 0; i < next.rows; ++i, next.outputs += next.ldy) {
      LIBQUANT_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p)
        __builtin_prefetch(next.outputs + p * kPanelRows, 1);
    }
  }
};

// Codes of some panels, and where they go one byte each.
template <std::size_t kPanels>
struct PanelCodes {
  const std::uint8_t* at[kPanels];
  std::uint8_t* expanded[kPanels];
};

enum class Codes { packed, expanding, expanded };

constexpr int width_of(Codes codes, int bits) noexcept {
  return codes == Codes::expanded ? 8 : bits;
}

// Adds the products of `count` blocks to sum[vector][column]; a vector is Words::kLanes rows of a
// panel. Codes come as packed, and may be expanded on the way, or as that wrote them.
template <int kBits, Codes kCodes>
struct LaneMultiplier {
  using D = Dot<kBits>;
  static constexpr int kWidth = width_of(kCodes, kBits);
  static constexpr bool kLooksAhead = kCodes != Codes::packed;

  template <int kStep>
  static LIBQUANT_INLINE Bytes at(const std::uint8_t* block) noexcept {
    const Bytes codes = codes_at<kWidth, kStep>(block);
    if constexpr (kBits == 8 && D::kBias != 0) return codes ^ Bytes::fill(D::kBias);
    return codes;
  }

  // All products of one block, added by D::add to sums whose chain is step % kChains.
  template <std::size_t kChains, std::size_t kPanels, std::size_t kColumns, typename Sum>
  static LIBQUANT_INLINE void block(const PanelCodes<kPanels>& codes, const std::int8_t* x,
                                    Sum (&sum)[kChains][kPanels * kPanelVecs][kColumns]) noexcept {
    for_steps([&](auto step) LIBQUANT_LAMBDA {
      constexpr int s = decltype(step)::value;
      Bytes w[kPanels * kPanelVecs];
      LIBQUANT_UNROLL
      for (std::size_t v = 0; v < kPanels * kPanelVecs; ++v) {
        w[v] = at<s>(codes.at[v / kPanelVecs] + v % kPanelVecs * kVecBytes);
        if constexpr (kCodes == Codes::expanding)
          w[v].store(codes.expanded[v / kPanelVecs] + s * kLineBytes + v % kPanelVecs * kVecBytes);
      }
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kColumns; ++j) {
        const Bytes token = Bytes::broadcast4(x + (s * kColumns + j) * 4);
        LIBQUANT_UNROLL
        for (std::size_t v = 0; v < kPanels * kPanelVecs; ++v)
          sum[s % kChains][v][j] = D::add(sum[s % kChains][v][j], w[v], token);
      }
    });
  }

  template <std::size_t kPanels, std::size_t kColumns>
  static LIBQUANT_INLINE void add(PanelCodes<kPanels>& codes, std::size_t count,
                                  const std::int8_t* x, Ahead<kPanels>& ahead,
                                  Words (&sum)[kPanels * kPanelVecs][kColumns]) noexcept {
    constexpr std::size_t kVecs = kPanels * kPanelVecs;
    // Enough independent sums to hide the latency of one product.
    constexpr std::size_t kChains = D::kDeferred || kVecs * kColumns > 4 ? 1
                                    : kVecs * kColumns > 1               ? 2
                                                                         : 4;
    using Sum = typename D::Sum;
    Sum part[kChains][kVecs][kColumns];
    const auto each = [&](auto f) LIBQUANT_LAMBDA {
      LIBQUANT_UNROLL
      for (std::size_t v = 0; v < kVecs; ++v) {
        LIBQUANT_UNROLL
        for (std::size_t j = 0; j < kColumns; ++j) f(v, j);
      }
    };
    const auto next = [&]() LIBQUANT_LAMBDA {
      if constexpr (kLooksAhead) {
        ahead.block();
      } else {
        LIBQUANT_UNROLL
        for (std::size_t i = 0; i < kBits; ++i) {
          LIBQUANT_UNROLL
          for (std::size_t p = 0; p < kPanels; ++p)
            __builtin_prefetch(codes.at[p] + kAheadBytes + i * kLineBytes);
        }
      }
      block<kChains>(codes, x, part);
      LIBQUANT_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        codes.at[p] += kWidth * kLineBytes;
        if constexpr (kCodes == Codes::expanding) codes.expanded[p] += 8 * kLineBytes;
      }
      x += kBlockColumns * kColumns;
    };
    if constexpr (D::kDeferred) {
      for (std::size_t b = 0; b < count; ++b) {
        each([&](std::size_t v, std::size_t j) LIBQUANT_LAMBDA { part[0][v][j] = D::zero(); });
        next();
        each([&](std::size_t v, std::size_t j)
                 LIBQUANT_LAMBDA { sum[v][j] = D::widen(sum[v][j], part[0][v][j]); });
      }
    } else {
      each([&](std::size_t v, std::size_t j) LIBQUANT_LAMBDA {
        part[0][v][j] = sum[v][j];
        LIBQUANT_UNROLL
        for (std::size_t c = 1; c < kChains; ++c) part[c][v][j] = Words::zero();
      });
      for (std::size_t b = 0; b < count; ++b) next();
      each([&](std::size_t v, std::size_t j) LIBQUANT_LAMBDA {
        sum[v][j] = part[0][v][j];
        LIBQUANT_UNROLL
        for (std::size_t c = 1; c < kChains; ++c) sum[v][j] = sum[v][j] + part[c][v][j];
      });
    }
  }
};

// Where the values of a run begin in arrays [run][columns] and [group][16].
struct RunPlace {
  std::size_t token, row;
  // Symmetric codes, fp16 scales, lifted sums: for these the end of a run has one test, the others
  // have more.
  bool plain;
  bool lifted;
};

template <std::size_t kColumns>
LIBQUANT_INLINE RunPlace place_of(const PackedJob& job) noexcept {
  const PackedFormat& f = *job.format;
  const bool lifted = lifted_runs(f, job.runs);
  return {job.run * kColumns, f.group == 0 ? 0 : job.run * kPanelRows,
          lifted && f.zero == PackedZero::symmetric && f.scale == PackedScale::f16, lifted};
}

// The sums of a run before its first product: minus the zero point times the sum of x.
template <std::size_t kVecs, std::size_t kColumns>
LIBQUANT_INLINE void start_run(const PackedJob& job, const RunPlace& run, std::int32_t bias,
                               Words (&sum)[kVecs][kColumns]) noexcept {
  const std::int32_t* starts = job.tokens.starts + run.token;
  if (__builtin_expect(!run.plain && job.format->zero == PackedZero::integer, 0)) {
    const Words lift = Words::broadcast(run.lifted ? kLiftBits : 0);
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) {
      const unsigned char* zeros = job.panels[v / kPanelVecs] + job.format->zeros_offset();
      const Words zero = Words::from_bytes(zeros + run.row + v % kPanelVecs * Words::kLanes) -
                         Words::broadcast(bias);
      LIBQUANT_UNROLL
      for (std::size_t j = 0; j < kColumns; ++j)
        sum[v][j] = lift + zero * Words::broadcast(starts[j]);
    }
    return;
  }
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) sum[v][j] = Words::broadcast(starts[j]);
  }
}

// Adds a finished run to the totals.
template <std::size_t kVecs, std::size_t kColumns>
LIBQUANT_INLINE void end_run(const PackedJob& job, const RunPlace& run,
                             const Words (&sum)[kVecs][kColumns],
                             F32 (&total)[kVecs][kColumns]) noexcept {
  const auto reals = [&](PackedScale type, std::size_t offset, F32(&to)[kVecs]) LIBQUANT_LAMBDA {
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v)
      to[v] = load_reals(type, job.panels[v / kPanelVecs] + offset, run.row, v % kPanelVecs);
  };
  F32 scale[kVecs];
  const auto add = [&](const auto& scaled) LIBQUANT_LAMBDA {
    const float* scales = job.tokens.scales + run.token;
    asm("" : "+r"(scales));  // GCC would load them all before the branch to here, and spill them
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j) {
      const F32 token = F32::broadcast(scales[j]);
      LIBQUANT_UNROLL
      for (std::size_t v = 0; v < kVecs; ++v)
        total[v][j] = fused(scaled(sum[v][j], v), token, total[v][j]);
    }
  };
  const auto add_lifted = [&]() LIBQUANT_LAMBDA {
    float lift = -kLift;
    asm("" : "+m"(lift));  // one register less in the loop
    F32 lowered[kVecs];
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) lowered[v] = scale[v] * F32::broadcast(lift);
    add([&](Words s, std::size_t v)
            LIBQUANT_LAMBDA { return fused(s.as_float(), scale[v], lowered[v]); });
  };
  if (__builtin_expect(run.plain, 1)) {
    reals(PackedScale::f16, 0, scale);
    add_lifted();
    return;
  }
  reals(job.format->scale, 0, scale);
  if (run.lifted) {
    add_lifted();
  } else {
    add([&](Words s, std::size_t v) LIBQUANT_LAMBDA { return s.to_float() * scale[v]; });
  }
  if (job.format->zero != PackedZero::minimum) return;
  F32 minimum[kVecs];
  reals(job.format->scale, job.format->zeros_offset(), minimum);
  const float* moments = job.tokens.moments + run.token;
  LIBQUANT_UNROLL
  for (std::size_t j = 0; j < kColumns; ++j) {
    const F32 token = F32::broadcast(moments[j]);
    LIBQUANT_UNROLL
    for (std::size_t v = 0; v < kVecs; ++v) total[v][j] = fused(minimum[v], token, total[v][j]);
  }
}

// job.totals, in registers while the call lasts: body(vector, column, address).
template <std::size_t kVecs, std::size_t kColumns, typename Body>
LIBQUANT_INLINE void each_total(const PackedJob& job, const Body& body) noexcept {
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j)
      body(v, j,
           job.totals + (v / kPanelVecs * kColumns + j) * kPanelRows +
               v % kPanelVecs * Words::kLanes);
  }
}

// The sums of a run that an earlier call began, or that a later one goes on with.
template <std::size_t kVecs, std::size_t kColumns>
LIBQUANT_INLINE void load_carry(const std::int32_t* carry, Words (&sum)[kVecs][kColumns]) noexcept {
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j)
      sum[v][j] = Words::load(carry + (v * kColumns + j) * Words::kLanes);
  }
}

template <std::size_t kVecs, std::size_t kColumns>
LIBQUANT_INLINE void store_carry(const Words (&sum)[kVecs][kColumns],
                                 std::int32_t* carry) noexcept {
  LIBQUANT_UNROLL
  for (std::size_t v = 0; v < kVecs; ++v) {
    LIBQUANT_UNROLL
    for (std::size_t j = 0; j < kColumns; ++j)
      sum[v][j].store(carry + (v * kColumns + j) * Words::kLanes);
  }
}

// See PackedTable::stream and tile.
template <typename Multiplier, std::size_t kPanels, std::size_t kColumns>
void multiply_blocks(const PackedJob& job) noexcept {
  PanelCodes<kPanels> codes;
  for (std::size_t p = 0; p < kPanels; ++p) {
    codes.at[p] = job.codes[p];
    codes.expanded[p] = job.expanded[p];
  }
  Ahead<kPanels> ahead{job.ahead};
  const std::int8_t* x = job.tokens.codes + job.first * kBlockColumns * kColumns;
  const std::size_t end = job.first + job.count;
  std::size_t block = job.first, run_end = (job.run + 1) * job.runs.blocks;
  RunPlace run = place_of<kColumns>(job);
  const std::size_t rows = job.format->group == 0 ? 0 : kPanelRows;  // between runs
  const bool last = end == job.format->blocks();
  constexpr std::size_t kVecs = kPanels * kPanelVecs;
  const bool ends = last || run_end <= end;  // else the totals stay as they are
  F32 total[kVecs][kColumns];
  each_total<kVecs, kColumns>(job, [&](std::size_t v, std::size_t j, const float*)
                                       LIBQUANT_LAMBDA { total[v][j] = F32::zero(); });
  if (ends)
    each_total<kVecs, kColumns>(job, [&](std::size_t v, std::size_t j, const float* at)
                                         LIBQUANT_LAMBDA { total[v][j] = F32::load(at); });
  bool begun = run_end - block < job.runs.blocks;
  while (block < end) {
    const std::size_t stop = run_end < end ? run_end : end;
    Words sum[kVecs][kColumns];
    if (__builtin_expect(begun, 0)) {
      load_carry(job.carry, sum);
    } else {
      start_run(job, run, Multiplier::D::kBias, sum);
    }
    begun = false;
    Multiplier::add(codes, stop - block, x, ahead, sum);
    x += (stop - block) * kBlockColumns * kColumns;
    if (last || run_end <= end) {
      end_run(job, run, sum, total);
    } else {
      store_carry(sum, job.carry);
    }
    block = stop;
    run.token += kColumns;
    run.row += rows;
    run_end += job.runs.blocks;
  }
  if (!ends) return;
  each_total<kVecs, kColumns>(
      job, [&](std::size_t v, std::size_t j, float* at) LIBQUANT_LAMBDA { total[v][j].store(at); });
}
