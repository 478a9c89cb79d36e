// The kernels in bf16 with AVX-512's products of bf16 pairs, summed in fp32.
#include <immintrin.h>

#include "kernels.h"
#include "vectors_avx512.h"

namespace {

using Element = uint16_t;  // the bits of a bf16

inline __m512i wide(const Element* x) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x))); }
inline Vec load(const Element* x) { return _mm512_castsi512_ps(_mm512_slli_epi32(wide(x), 16)); }
inline Vec load_pairs(const Element* first, const Element* second) {
  return _mm512_castsi512_ps(_mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16)));
}
inline void store(Element* to, Vec x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(x)); }
inline void store_first(Element* to, Vec x, int64_t count) {
  _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << count) - 1), (__m256i)_mm512_cvtneps_pbh(x));
}
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }

}  // namespace

#include "attention_kernels.h"
#include "gelu_kernel.h"

const Kernels kAvx512Bf16 = {probability_row, forward_bytes, backward_bytes, prepare, forward, backward, gelu};
