// Vectors of 16 fp32.

namespace {

constexpr int kLanes = 16;
#define ESP_VECTORS 4  // of a tile, side by side

using Vec = __m512;
typedef int32_t Int __attribute__((vector_size(64)));

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec all(float x) { return _mm512_set1_ps(x); }
inline Vec larger(Vec a, Vec b) { return _mm512_max_ps(a, b); }  // b where either is not a number
inline Vec load(const float* x) { return _mm512_loadu_ps(x); }
inline void store(float* to, Vec x) { _mm512_storeu_ps(to, x); }
inline void store_first(float* to, Vec x, int64_t count) { _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), x); }
inline void store_units(Unit* to, Vec x) { _mm512_storeu_ps(to, x); }
inline Vec load_units(const Unit* x) { return _mm512_loadu_ps(x); }
inline Vec broadcast_unit(const Unit* x) { return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(*x))); }

}  // namespace
