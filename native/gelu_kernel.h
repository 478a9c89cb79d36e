// GELU, see kernels.h.
#pragma once

#include "vector_math.h"

namespace {

// Φ(-|x|) is e^(-x²/2)·t·(a1 + … + a5·t⁴), t = 1 / (1 + p·|x|/√2), within 1e-7 (Abramowitz and Stegun 7.1.26); the density shares its exponential.
void gelu_vector(const Element* x, Element* out, Element* slope) {
  const Vec v = load(x);
  const Vec size = larger(v, zero() - v);
  const Vec e = power_of_two(v * v * all(-0.5f * 1.44269504f));
  const Vec t = all(1.0f) / (size * all(0.3275911f * 0.70710678f) + all(1.0f));
  Vec p = all(0.5f * 1.061405429f);
  p = p * t + all(0.5f * -1.453152027f);
  p = p * t + all(0.5f * 1.421413741f);
  p = p * t + all(0.5f * -0.284496736f);
  p = p * t + all(0.5f * 0.254829592f);
  const Vec below = p * t * e;
  const Vec share = v < zero() ? below : all(1.0f) - below;
  store(out, v * share);
  if (slope != nullptr) store(slope, share + v * e * all(0.39894228f));
}

void gelu(const void* x, int64_t count, void* out, void* slope) {
  const auto* from = static_cast<const Element*>(x);
  auto *to = static_cast<Element*>(out), *kept = static_cast<Element*>(slope);
  int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) gelu_vector(from + k, to + k, kept == nullptr ? kept : kept + k);
  if (k == count) return;
  const auto rest = (count - k) * sizeof(Element);
  Element a[kLanes] = {}, b[kLanes], c[kLanes];
  __builtin_memcpy(a, from + k, rest);
  gelu_vector(a, b, c);
  __builtin_memcpy(to + k, b, rest);
  if (kept != nullptr) __builtin_memcpy(kept + k, c, rest);
}

}  // namespace
