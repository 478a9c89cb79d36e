// What every native library of Espalier shares: how errors and tensors cross the C boundary.
#pragma once

#include <ATen/core/TensorBase.h>
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <new>
#include <string>

#define ESP_API extern "C" __attribute__((visibility("default")))
#define ESP_TORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

// Of this thread; each library defines its own.
extern thread_local std::string last_error;

namespace {

// The version of what both libraries export; the managed side asks for it before it calls anything else.
constexpr int32_t kInterface = 3;

enum Code : int32_t { kOk = 0, kError = 1, kOutOfMemory = 2 };

// Memory may be so short that not even the text fits.
void set_error(const char* text) noexcept {
  try {
    last_error = text;
  } catch (...) {
    last_error.clear();
  }
}

template <typename Body>
int32_t guarded(Body&& body) noexcept {
  try {
    body();
    return kOk;
  } catch (const c10::Error& e) {
    set_error(e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    set_error("out of memory");
    return kOutOfMemory;
  } catch (const std::exception& e) {
    set_error(e.what());
  } catch (...) {
    set_error("unknown native error");
  }
  const bool memory = last_error.find("can't allocate memory") != std::string::npos ||
                      last_error.find("out of memory") != std::string::npos;
  return memory ? kOutOfMemory : kError;
}

// A handle is a raw TensorImpl* that owns one reference. An undefined tensor is null.
at::Tensor borrow(const void* handle) {
  if (handle == nullptr) return {};
  using Pointer = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  return at::Tensor(Pointer::reclaim_copy(static_cast<c10::TensorImpl*>(const_cast<void*>(handle))));
}

}  // namespace
