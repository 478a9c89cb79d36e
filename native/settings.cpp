// Modes of a thread and settings of the process. Errors cross as in door.cpp.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "boundary.h"

#include <malloc.h>

#include <string>

namespace {

// Returns whether it was enabled before.
bool set_autocast(bool cuda, bool enabled, at::ScalarType dtype) {
#if ESP_TORCH_AT_LEAST(2, 4)
  const auto device = cuda ? at::kCUDA : at::kCPU;
  const bool before = at::autocast::is_autocast_enabled(device);
  at::autocast::set_autocast_enabled(device, enabled);
  at::autocast::set_autocast_dtype(device, dtype);
#else
  const bool before = cuda ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
  if (cuda) {
    at::autocast::set_enabled(enabled);
    at::autocast::set_autocast_gpu_dtype(dtype);
  } else {
    at::autocast::set_cpu_enabled(enabled);
    at::autocast::set_autocast_cpu_dtype(dtype);
  }
#endif
  return before;
}

}  // namespace

// ---- modes (per thread) ----

ESP_API int32_t esp_set_grad_mode(int32_t enabled) {
  bool before = true;
  guarded([&] {
    before = at::GradMode::is_enabled();
    at::GradMode::set_enabled(enabled != 0);
  });
  return before;
}

ESP_API int32_t esp_set_autocast(int32_t cuda, int32_t enabled, int32_t dtype, int32_t* before) {
  return guarded([&] { *before = set_autocast(cuda != 0, enabled != 0, static_cast<at::ScalarType>(dtype)); });
}

// The cache of cast weights is emptied by Python's context manager, not by C++: left alone, training reads stale weights.
ESP_API void esp_clear_autocast_cache() {
  guarded([] { at::autocast::clear_cache(); });
}

// ---- process-wide settings ----

ESP_API int32_t esp_init() noexcept {
  // Large freed blocks go back and forth between glibc and the kernel at every step otherwise (10-30 % of a bf16 step).
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  return kInterface;
}

ESP_API const char* esp_torch_version() noexcept { return TORCH_VERSION; }
ESP_API void esp_trim() noexcept { malloc_trim(0); }
ESP_API int32_t esp_set_threads(int32_t threads) {
  return guarded([&] { at::set_num_threads(threads); });
}
ESP_API int32_t esp_threads() {
  int32_t count = 1;
  guarded([&] { count = at::get_num_threads(); });
  return count;
}
ESP_API int32_t esp_seed(uint64_t seed) {
  return guarded([&] { at::manual_seed(seed); });
}
ESP_API int32_t esp_cuda_devices() {
  int32_t count = 0;  // stays 0 when a driver is missing or too old
  guarded([&] { count = at::hasCUDA() ? static_cast<int32_t>(at::getNumGPUs()) : 0; });
  return count;
}

ESP_API int32_t esp_synchronize(const char* device) {
  return guarded([&] {
    const c10::Device target{std::string(device)};
    if (target.is_cpu()) return;
    const c10::impl::VirtualGuardImpl guard(target.type());
    guard.getStream(target).synchronize();
  });
}
