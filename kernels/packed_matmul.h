#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/layouts.h"

namespace libquant::kernels {

/// A quantized W[rows x cols] before packing; every array is row-major.
struct PackSource {
  const std::uint8_t* codes;            ///< [rows x cols], each < 2^bits
  const float* scales;                  ///< [rows x groups]
  const std::uint8_t* zeros = nullptr;  ///< [rows x groups] for PackedZero::integer
  const float* minimums = nullptr;      ///< [rows x groups] for PackedZero::minimum
};

/// Packs W into format.bytes() bytes at `packed`, aligned to 64 bytes. Scales and minimums are
/// rounded to the format's type: exact where they came from it. can_pack(format) must hold.
/// A large matrix is read faster from huge pages: madvise the memory before it is first written.
void pack(const PackedFormat& format, const PackSource& source, void* packed) noexcept;

/// The inverse of pack: arrays that the format does not have may be nullptr.
void unpack(const PackedFormat& format, const void* packed, std::uint8_t* codes, float* scales,
            std::uint8_t* zeros, float* minimums) noexcept;

/// fp32 weights of rows [first, first + rows) of a packed matrix, `ld` floats apart: exactly the
/// weights that exact mode multiplies with.
void dequantize_packed(const PackedFormat& format, const void* packed, std::size_t first,
                       std::size_t rows, float* w, std::size_t ld) noexcept;

/// What becomes of the activations.
enum class ActivationMode : std::uint8_t {
  automatic,      ///< int8_residual for at most two tokens, where it costs nothing; else int8
  int8,           ///< rounded to int8: 8 bits
  int8_residual,  ///< int8 plus the rounding error in int8: 15 to 16 bits
  exact,          ///< fp32 activations times fp32 weights, summed in fp32
};

/// What shares one activation scale.
enum class ActivationScale : std::uint8_t {
  group,   ///< the columns of one weight group, or 128 where that is the row, of one token
  token,   ///< all columns of one token
  tensor,  ///< everything: MatmulOptions::tensor_scale, computed beforehand (SmoothQuant)
};

struct MatmulOptions {
  ActivationMode mode = ActivationMode::automatic;
  ActivationScale scale = ActivationScale::group;
  float tensor_scale = 0;  ///< activation = tensor_scale * int8, > 0; beyond +-127 it saturates
  float alpha = 1;         ///< factor of the product
  const float* bias = nullptr;  ///< [rows], added to every token's outputs
  bool accumulate = false;      ///< adds to y instead of replacing it
  int threads = 0;              ///< 0: as many as thread_count() says
};

/// y[tokens x rows] = alpha * x[tokens x cols] W^T + bias (+ y), rows of x and y `ldx` and `ldy`
/// floats apart. W is what pack wrote.
///
/// Numerics; docs/kernels.md derives the error bounds.
/// - int8: x is cut into runs of columns: a weight group, or 128 columns (the last run shorter)
///   where a group is the whole row; with ActivationScale::token or tensor such a row is cut into
///   runs of 32768. Each run's product of codes is an exact int32; times the weight's scale it is
///   rounded, and the runs of an output are added in order, each by one fused multiply-add with the
///   activation's scale. So the bytes of the result are the same on every instruction set, at any
///   thread count, and for any number of tokens beside it.
/// - exact: weights as QuantizedMatrix::value gives them, products added in order by fused
///   multiply-adds in chunks of 128 columns, chunks added in order: again the same bytes
///   everywhere.
/// - A token with an infinity or NaN yields NaN in every output. A run whose largest magnitude is
///   below 2^-100 counts as zero in the int8 modes.
///
/// Runs on up to options.threads OpenMP threads; within a parallel region, or a parallel_for body,
/// on the calling thread alone. Scratch is kept per thread.
void packed_matmul(const PackedFormat& format, const void* packed, std::size_t tokens,
                   const float* x, std::size_t ldx, float* y, std::size_t ldy,
                   const MatmulOptions& options = {}) noexcept;

/// The mode that `automatic` stands for.
ActivationMode resolved_mode(const PackedFormat& format, std::size_t tokens,
                             ActivationMode mode) noexcept;

}  // namespace libquant::kernels
