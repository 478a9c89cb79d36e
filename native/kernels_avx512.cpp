// The kernels in fp32 with AVX-512.
#include <immintrin.h>

#include "kernels.h"
#include "vectors_avx512.h"

namespace {

using Element = float;

inline Vec load_pairs(const Element* first, const Element*) { return load(first); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }

}  // namespace

#include "attention_kernels.h"
#include "gelu_kernel.h"

const Kernels kAvx512 = {probability_row, forward_bytes, backward_bytes, prepare, forward, backward, gelu};
