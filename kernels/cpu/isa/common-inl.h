// What every instruction-set file needs before its vector types. No include guard on purpose.
#define LIBQUANT_INLINE inline __attribute__((always_inline))
#define LIBQUANT_UNROLL _Pragma("GCC unroll 16")
#define LIBQUANT_LAMBDA __attribute__((always_inline))
