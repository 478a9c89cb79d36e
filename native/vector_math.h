// Included once for each instruction set, after its Vec and Element. Nothing may come from another header's inline functions: the linker could then
// give this instruction set's copy to everyone.
#pragma once

#include "kernels.h"

namespace {

constexpr int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
constexpr int64_t lower(int64_t a, int64_t b) { return a < b ? a : b; }

// 2^x for x <= 0 or little more, within 1e-7; below -126 it stays at 2^-126. A NaN as processors make them stays one.
Vec power_of_two(Vec x) {
  x = larger(all(-126.0f), x);
  const Vec magic = all(12582912.0f);  // 1.5·2^23: rounds to a whole number in the low bits
  const Vec shifted = x + magic;
  const Vec r = x - (shifted - magic);
  Vec p = all(0.00132764725f);
  p = p * r + all(0.00967554189f);
  p = p * r + all(0.0555071309f);
  p = p * r + all(0.240221202f);
  p = p * r + all(0.693146944f);
  p = p * r + all(1.00000012f);
  return (Vec)((Int)p + ((Int)shifted << 23));
}

}  // namespace
