// The kernels in fp32 with AVX2 and FMA.
#include <immintrin.h>

#include "kernels.h"

namespace {

constexpr int kLanes = 8;
#define ESP_VECTORS 2  // of a tile, side by side

using Vec = __m256;
using Element = float;
typedef int32_t Int __attribute__((vector_size(32)));

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec all(float x) { return _mm256_set1_ps(x); }
inline Vec larger(Vec a, Vec b) { return _mm256_max_ps(a, b); }  // b where either is not a number
inline Vec load(const float* x) { return _mm256_loadu_ps(x); }
inline void store(float* to, Vec x) { _mm256_storeu_ps(to, x); }
inline void store_first(float* to, Vec x, int64_t count) {
  float lanes[kLanes];
  _mm256_storeu_ps(lanes, x);
  __builtin_memcpy(to, lanes, count * sizeof(float));
}
inline Vec load_pairs(const Element* first, const Element*) { return load(first); }
inline void store_units(Unit* to, Vec x) { _mm256_storeu_ps(reinterpret_cast<float*>(to), x); }
inline Vec load_units(const Unit* x) { return _mm256_loadu_ps(reinterpret_cast<const float*>(x)); }
inline Vec broadcast_unit(const Unit* x) { return _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(*x))); }
inline Vec multiply_add(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }

}  // namespace

#include "attention_kernels.h"
#include "gelu_kernel.h"

const Kernels kAvx2 = {probability_row, forward_bytes, backward_bytes, prepare, forward, backward, gelu};
