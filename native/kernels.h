// What the operators of this library do on one thread, compiled once for each instruction set (kernels_*.cpp).
#pragma once

#include <cstdint>

// One fp32, or a pair of bf16.
typedef uint32_t __attribute__((may_alias)) Unit;

// A head of attention, softmax(Q·Kᵀ·scale)·V.
struct HeadShape {
  int64_t tokens, qk, v;
  int64_t row;         // elements between rows of the packed q|k|v
  int64_t output_row;  // elements between rows of the outputs
  float scale;
};

struct Kernels {
  // Elements between rows of the probabilities: the tokens, rounded up to whole vectors. The last ones are zero.
  int64_t (*probability_row)(const HeadShape&);
  // Bytes of scratch memory, 64-byte aligned; what prepare leaves there serves any number of calls of forward.
  int64_t (*forward_bytes)(const HeadShape&);
  int64_t (*backward_bytes)(const HeadShape&);
  void (*prepare)(const HeadShape&, const void* k, const void* v, void* scratch);
  // Rows [first, last) of the outputs, and of the probabilities where those are wanted.
  void (*forward)(const HeadShape&, const void* q, int64_t first, int64_t last, void* scratch, void* probabilities, void* outputs);
  void (*backward)(const HeadShape&, const void* q, const void* k, const void* v, const void* probabilities, const void* gradient, void* scratch,
                   void* dq, void* dk, void* dv);
  // x·Φ(x), and its derivative where that is wanted.
  void (*gelu)(const void* x, int64_t count, void* out, void* slope);
};

extern const Kernels kAvx2;        // fp32
extern const Kernels kAvx512;      // fp32
extern const Kernels kAvx512Bf16;  // bf16, sums in fp32
