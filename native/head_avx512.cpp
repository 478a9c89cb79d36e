// The kernels of head.h in fp32 with AVX-512.
#include <immintrin.h>

#include "head.h"
#include "head_avx512.h"

namespace {

using Element = float;

inline Vec load_pairs(const Element* first, const Element*) { return load(first); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }

}  // namespace

#define ESP_KERNELS kHeadAvx512
#include "head_kernels.h"
