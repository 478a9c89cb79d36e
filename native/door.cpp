// The door into libtorch. Every operator is reached by its schema name through libtorch's own dispatcher, so this file
// needs no function per operator: it converts tagged values to the types a schema asks for, calls, and converts back.
// Nothing thrown by libtorch crosses the C boundary: a function returns 0, or an error code with its text in esp_error().
// The same source compiles against libtorch 1.13 and 2.x, CPU or CUDA.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "boundary.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

enum Tag : int32_t {
  kNone = 0,      // an explicit None
  kDefault = 1,   // the schema's default
  kTensor = 2,    // p: TensorImpl*
  kInt = 3,
  kDouble = 4,
  kBool = 5,
  kString = 6,    // p: UTF-8, len bytes; also a device where the schema asks for one
  kIntList = 7,   // p: int64_t[len]
  kDoubleList = 8,
  kBoolList = 9,  // p: uint8_t[len]
  kTensorList = 10,  // p: TensorImpl*[len], null = undefined
  kGenerator = 11,   // p: at::Generator*
};

struct Value {
  int32_t tag;
  int32_t len;
  union {
    int64_t i;
    double d;
    const void* p;
  };
};
static_assert(sizeof(Value) == 16, "the managed side mirrors this layout");

thread_local std::vector<Value> pending;  // results that did not fit the caller's buffer
std::atomic<int64_t> live_handles{0};

void* release(at::Tensor tensor) {
  if (!tensor.defined()) return nullptr;
  live_handles.fetch_add(1, std::memory_order_relaxed);
  return tensor.unsafeReleaseTensorImpl();
}

std::vector<at::Tensor> borrow_all(void* const* handles, int32_t count) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(count);
  for (int32_t k = 0; k < count; ++k) tensors.push_back(borrow(handles[k]));
  return tensors;
}

[[noreturn]] void mismatch(const c10::Argument& arg, const Value& v) {
  TORCH_CHECK(false, "argument '", arg.name(), "' wants ", arg.type()->str(), ", not a value of tag ", v.tag);
  throw;  // not reached
}

c10::IValue number(const c10::Argument& arg, const Value& v) {
  switch (v.tag) {
    case kInt: return v.i;
    case kDouble: return v.d;
    case kBool: return v.i != 0;
    default: mismatch(arg, v);
  }
}

c10::IValue list(const c10::Argument& arg, const c10::ListType& type, const Value& v) {
  const auto element = type.getElementType();
  switch (element->kind()) {
    case c10::TypeKind::IntType: {
      c10::List<int64_t> out;
      if (v.tag == kInt) {  // the Python parser broadcasts one int to int[N]; the dispatcher does not
        for (int32_t k = 0; k < arg.N().value_or(1); ++k) out.push_back(v.i);
        return out;
      }
      if (v.tag != kIntList) mismatch(arg, v);
      const auto* data = static_cast<const int64_t*>(v.p);
      for (int32_t k = 0; k < v.len; ++k) out.push_back(data[k]);
      return out;
    }
    case c10::TypeKind::FloatType: {
      if (v.tag != kDoubleList) mismatch(arg, v);
      c10::List<double> out;
      const auto* data = static_cast<const double*>(v.p);
      for (int32_t k = 0; k < v.len; ++k) out.push_back(data[k]);
      return out;
    }
    case c10::TypeKind::BoolType: {
      if (v.tag != kBoolList) mismatch(arg, v);
      c10::List<bool> out;
      const auto* data = static_cast<const uint8_t*>(v.p);
      for (int32_t k = 0; k < v.len; ++k) out.push_back(data[k] != 0);
      return out;
    }
    case c10::TypeKind::NumberType: {
      if (v.tag != kDoubleList && v.tag != kIntList) mismatch(arg, v);
      c10::impl::GenericList out(c10::NumberType::get());
      for (int32_t k = 0; k < v.len; ++k) {
        if (v.tag == kIntList) out.push_back(static_cast<const int64_t*>(v.p)[k]);
        else out.push_back(static_cast<const double*>(v.p)[k]);
      }
      return out;
    }
    case c10::TypeKind::TensorType: {
      if (v.tag != kTensorList) mismatch(arg, v);
      c10::List<at::Tensor> out;
      out.reserve(v.len);
      for (int32_t k = 0; k < v.len; ++k) out.push_back(borrow(static_cast<void* const*>(v.p)[k]));
      return out;
    }
    case c10::TypeKind::OptionalType: {
      if (v.tag != kTensorList) mismatch(arg, v);
      using Maybe = decltype(c10::IValue().toOptional<at::Tensor>());  // c10::optional or, in later 2.x, std::optional
      c10::List<Maybe> out;
      out.reserve(v.len);
      for (int32_t k = 0; k < v.len; ++k) {
        auto tensor = borrow(static_cast<void* const*>(v.p)[k]);
        out.push_back(tensor.defined() ? Maybe(std::move(tensor)) : Maybe());
      }
      return out;
    }
    default: mismatch(arg, v);
  }
}

const c10::Type& unwrapped(const c10::Type& optional) { return *optional.expectRef<c10::OptionalType>().getElementType(); }

c10::IValue to_ivalue(const c10::Argument& arg, const Value& v) {
  if (v.tag == kDefault) {
    TORCH_CHECK(arg.default_value().has_value(), "argument '", arg.name(), "' is missing and has no default");
    return *arg.default_value();
  }
  const bool optional = arg.type()->kind() == c10::TypeKind::OptionalType;
  if (optional && v.tag == kNone) return {};
  const c10::Type& type = optional ? unwrapped(*arg.type()) : *arg.type();
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      if (v.tag == kNone) return at::Tensor();
      if (v.tag != kTensor) mismatch(arg, v);
      return borrow(v.p);
    case c10::TypeKind::IntType:
      if (v.tag != kInt && v.tag != kBool) mismatch(arg, v);
      return v.i;
    case c10::TypeKind::FloatType:
      if (v.tag == kInt) return static_cast<double>(v.i);
      if (v.tag != kDouble) mismatch(arg, v);
      return v.d;
    case c10::TypeKind::BoolType:
      if (v.tag != kBool) mismatch(arg, v);
      return v.i != 0;
    case c10::TypeKind::NumberType: return number(arg, v);
    case c10::TypeKind::StringType:
      if (v.tag != kString) mismatch(arg, v);
      return std::string(static_cast<const char*>(v.p), v.len);
    case c10::TypeKind::DeviceObjType:
      if (v.tag != kString) mismatch(arg, v);
      return c10::Device(std::string(static_cast<const char*>(v.p), v.len));
    case c10::TypeKind::GeneratorType:
      if (v.tag != kGenerator) mismatch(arg, v);
      return *static_cast<const at::Generator*>(v.p);
    case c10::TypeKind::ListType: return list(arg, type.expectRef<c10::ListType>(), v);
    default: mismatch(arg, v);
  }
}

void from_ivalue(const c10::IValue& value, std::vector<Value>& out) {
  Value v{};
  if (value.isTensor()) {
    v.tag = kTensor;
    v.p = release(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) from_ivalue(tensor, out);
    return;
  } else if (value.isInt()) {
    v.tag = kInt;
    v.i = value.toInt();
  } else if (value.isDouble()) {
    v.tag = kDouble;
    v.d = value.toDouble();
  } else if (value.isBool()) {
    v.tag = kBool;
    v.i = value.toBool();
  } else {
    TORCH_CHECK(value.isNone(), "a result of type ", value.tagKind(), " cannot be returned");
  }
  out.push_back(v);
}

void free_value(const Value& v) {
  if (v.tag != kTensor || v.p == nullptr) return;
  live_handles.fetch_sub(1, std::memory_order_relaxed);
  c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(
      static_cast<c10::TensorImpl*>(const_cast<void*>(v.p)));
}

}  // namespace

thread_local std::string last_error;

ESP_API const char* esp_error() noexcept { return last_error.c_str(); }

// ---- operators ----

ESP_API int32_t esp_operator(const char* name, const char* overload, const void** out) {
  return guarded([&] {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    *out = new c10::OperatorHandle(handle);  // operators live as long as the process
  });
}

ESP_API int32_t esp_has_operator(const char* name, const char* overload, int32_t* out) {
  return guarded([&] { *out = c10::Dispatcher::singleton().findSchema({name, overload}).has_value(); });
}

ESP_API int32_t esp_call(const void* op, const Value* args, int32_t nargs, Value* results, int32_t capacity, int32_t* count) {
  return guarded([&] {
    const auto& handle = *static_cast<const c10::OperatorHandle*>(op);
    const auto& schema = handle.schema().arguments();
    TORCH_CHECK(nargs <= static_cast<int32_t>(schema.size()), handle.schema(), " takes ", schema.size(), " arguments, not ", nargs);
    torch::jit::Stack stack;
    stack.reserve(schema.size());
    const Value fallback{kDefault, 0, {0}};
    for (size_t k = 0; k < schema.size(); ++k)
      stack.push_back(to_ivalue(schema[k], static_cast<int32_t>(k) < nargs ? args[k] : fallback));
    handle.callBoxed(&stack);

    pending.clear();
    try {
      for (const auto& value : stack) from_ivalue(value, pending);
    } catch (...) {
      for (const auto& v : pending) free_value(v);
      pending.clear();
      throw;
    }
    *count = static_cast<int32_t>(pending.size());
    if (*count > capacity) return;  // fetched by esp_pending
    std::memcpy(results, pending.data(), pending.size() * sizeof(Value));
    pending.clear();
  });
}

ESP_API int32_t esp_pending(Value* results, int32_t count) {
  return guarded([&] {
    TORCH_CHECK(count == static_cast<int32_t>(pending.size()), "no such pending results");
    std::memcpy(results, pending.data(), pending.size() * sizeof(Value));
    pending.clear();
  });
}

// ---- tensors ----

ESP_API int32_t esp_tensor_new(const void* data, const int64_t* sizes, int32_t ndim, int32_t dtype, const char* device, void** out) {
  return guarded([&] {
    const auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    const auto view = at::from_blob(const_cast<void*>(data), at::IntArrayRef(sizes, ndim), options);
    *out = release(view.to(c10::Device(std::string(device)), view.scalar_type(), /*non_blocking=*/false, /*copy=*/true));
  });
}

ESP_API void esp_tensor_free(void* handle) {
  guarded([&] { free_value(Value{kTensor, 0, {reinterpret_cast<int64_t>(handle)}}); });
}

ESP_API int32_t esp_tensor_info(const void* handle, int64_t* sizes, int32_t capacity, int32_t* ndim, int32_t* dtype,
                                int32_t* device_type, int32_t* device_index, int32_t* flags) {
  return guarded([&] {
    const auto tensor = borrow(handle);
    *ndim = static_cast<int32_t>(tensor.dim());
    for (int32_t k = 0; k < *ndim && k < capacity; ++k) sizes[k] = tensor.size(k);
    *dtype = static_cast<int32_t>(tensor.scalar_type());
    *device_type = static_cast<int32_t>(tensor.device().type());
    *device_index = tensor.device().index();
    *flags = (tensor.requires_grad() ? 1 : 0) | (tensor.is_leaf() ? 2 : 0) | (tensor.is_contiguous() ? 4 : 0);
  });
}

ESP_API int32_t esp_tensor_data(const void* handle, void** data) {
  return guarded([&] {
    const auto tensor = borrow(handle);
    TORCH_CHECK(tensor.device().is_cpu() && tensor.is_contiguous(), "direct access needs a contiguous CPU tensor");
    *data = tensor.data_ptr();
  });
}

ESP_API int32_t esp_tensor_set_requires_grad(const void* handle, int32_t value) {
  return guarded([&] { borrow(handle).requires_grad_(value != 0); });
}

ESP_API int32_t esp_tensor_grad(const void* handle, void** out) {
  return guarded([&] { *out = release(borrow(handle).grad()); });
}

ESP_API int32_t esp_tensor_set_grad(const void* handle, const void* grad) {
  return guarded([&] {
    const auto tensor = borrow(handle), value = borrow(grad);
    TORCH_CHECK(!value.defined() || value.sizes() == tensor.sizes(), "a gradient of shape ", value.sizes(),
                " does not fit a tensor of shape ", tensor.sizes());
    tensor.mutable_grad() = value;
  });
}

ESP_API int64_t esp_live_tensors() noexcept { return live_handles.load(std::memory_order_relaxed); }

// ---- random numbers ----

// A generator of the caller's own. A copy of the process-wide one is of the device's kind, on processors and accelerators alike.
ESP_API int32_t esp_generator_new(uint64_t seed, const char* device, void** out) {
  return guarded([&] {
    auto shared = at::globalContext().defaultGenerator(c10::Device(std::string(device)));
    auto own = std::make_unique<at::Generator>();
    {
      const std::lock_guard<std::mutex> lock(shared.mutex());
      *own = shared.clone();
    }
    own->set_current_seed(seed);
    *out = own.release();
  });
}

ESP_API void esp_generator_free(void* generator) {
  guarded([&] { delete static_cast<at::Generator*>(generator); });
}

// ---- autograd ----

ESP_API int32_t esp_backward(void* const* outputs, int32_t count, void* const* gradients, int32_t retain, int32_t create) {
  return guarded([&] {
    const auto seeds = gradients == nullptr ? std::vector<at::Tensor>{} : borrow_all(gradients, count);
    torch::autograd::backward(borrow_all(outputs, count), seeds, retain != 0, create != 0);
  });
}

ESP_API int32_t esp_grad(void* const* outputs, int32_t count, void* const* gradients, void* const* inputs, int32_t ninputs,
                         int32_t retain, int32_t create, void** results) {
  return guarded([&] {
    const auto seeds = gradients == nullptr ? std::vector<at::Tensor>{} : borrow_all(gradients, count);
    auto grads = torch::autograd::grad(borrow_all(outputs, count), borrow_all(inputs, ninputs), seeds, retain != 0, create != 0,
                                       /*allow_unused=*/true);
    for (int32_t k = 0; k < ninputs; ++k) results[k] = release(grads[k]);
  });
}
