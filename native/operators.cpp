// Which kernels this processor runs.

#include <torch/library.h>

#include <cpuid.h>

#include <cstdlib>
#include <cstring>

#include "operators.h"

namespace {

// Processors with tiles multiply bf16 several times faster in libtorch's own products than by pairs.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) != 0;
}

// ATEN_CPU_CAPABILITY lowers the instruction set as it does libtorch's.
const Kernels* choose(at::ScalarType dtype) {
  const char* wanted = std::getenv("ATEN_CPU_CAPABILITY");
  const bool any = wanted == nullptr || std::strcmp(wanted, "avx512") == 0;
  const bool avx512 = any && __builtin_cpu_supports("avx512f");
  if (dtype == at::kBFloat16)
    return avx512 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16") && !has_tiles()
        ? &kAvx512Bf16 : nullptr;
  if (dtype != at::kFloat) return nullptr;
  if (avx512) return &kAvx512;
  const bool avx2 = any || std::strcmp(wanted, "avx2") == 0;
  return avx2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kAvx2 : nullptr;
}

bool runs(int64_t dtype) { return kernels(static_cast<at::ScalarType>(dtype)) != nullptr; }

}  // namespace

const Kernels* kernels(at::ScalarType dtype) {
  static const Kernels* const fp32 = choose(at::kFloat);
  static const Kernels* const bf16 = choose(at::kBFloat16);
  return dtype == at::kFloat ? fp32 : dtype == at::kBFloat16 ? bf16 : nullptr;
}

// Autocast has no say in these operators: the precision is their input's, which the linear layer before them chose.
TORCH_LIBRARY(espalier, library) { library.def("runs(int dtype) -> bool", runs); }
