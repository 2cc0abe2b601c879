#include "kernels/packed_matmul.h"

#include "kernels/cpu/dispatch.h"
#include "kernels/packed_call.h"

namespace libquant::kernels {

ActivationMode resolved_mode(const PackedFormat&, std::size_t tokens,
                             ActivationMode mode) noexcept {
  if (mode != ActivationMode::automatic) return mode;
  return tokens <= 2 ? ActivationMode::int8_residual : ActivationMode::int8;
}

void packed_matmul(const PackedFormat& format, const void* packed, std::size_t tokens,
                   const float* x, std::size_t ldx, float* y, std::size_t ldy,
                   const MatmulOptions& options) noexcept {
  if (tokens == 0 || format.rows == 0) return;
  const PackedCall call{active_packed(), format, static_cast<const unsigned char*>(packed),
                        options};
  const ActivationMode mode = resolved_mode(format, tokens, options.mode);
  if (mode == ActivationMode::exact) {
    packed_matmul_exact(call, tokens, x, ldx, y, ldy);
  } else {
    packed_matmul_int8(call, tokens, mode == ActivationMode::int8_residual, x, ldx, y, ldy);
  }
}

void dequantize_packed(const PackedFormat& format, const void* packed, std::size_t first,
                       std::size_t rows, float* w, std::size_t ld) noexcept {
  const auto dequantize = active_packed().dequantize[bits_index(format.stored_bits())];
  const auto* bytes = static_cast<const unsigned char*>(packed);
  const std::size_t first_panel = first / kPanelRows;
  const std::size_t end_panel = ceil_div(first + rows, kPanelRows);
  parallel_for(end_panel - first_panel, 1, [&](std::size_t i) {
    const std::size_t row = (first_panel + i) * kPanelRows;
    float lines[kBlockColumns * kPanelRows];
    for (std::size_t b = 0; b < format.blocks(); ++b) {
      dequantize(format, bytes + (first_panel + i) * format.panel_bytes(), b, 1, lines);
      const std::size_t cols = smaller(kBlockColumns, format.cols - b * kBlockColumns);
      for (std::size_t r = 0; r < kPanelRows; ++r) {
        if (row + r < first || row + r >= first + rows) continue;
        float* out = w + (row + r - first) * ld + b * kBlockColumns;
        for (std::size_t k = 0; k < cols; ++k) out[k] = lines[k * kPanelRows + r];
      }
    }
  });
}

}  // namespace libquant::kernels
