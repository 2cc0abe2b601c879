// Every packed body, each after the ones it uses. No include guard on purpose.
// clang-format off
#include "kernels/cpu/bodies/packed_codes-inl.h"
#include "kernels/cpu/bodies/packed_int-inl.h"
#include "kernels/cpu/bodies/packed_quantize-inl.h"
#include "kernels/cpu/bodies/packed_exact-inl.h"
// clang-format on
