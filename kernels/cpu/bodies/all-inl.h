// Every body, each after the ones it uses. No include guard on purpose.
// clang-format off
#include "kernels/cpu/bodies/gemm-inl.h"
#include "kernels/cpu/bodies/linear_rows-inl.h"
#include "kernels/cpu/bodies/syrk-inl.h"
#include "kernels/cpu/bodies/exp-inl.h"
#include "kernels/cpu/bodies/attention-inl.h"
#include "kernels/cpu/bodies/attention_decode-inl.h"
#include "kernels/cpu/bodies/elementwise-inl.h"
#include "kernels/cpu/bodies/grid_errors-inl.h"
#include "kernels/cpu/bodies/column_solve-inl.h"
#include "kernels/cpu/bodies/table-inl.h"
// clang-format on
