// GELU on a processor as one operator. What it keeps for the gradient is the derivative, as large as the input libtorch's keeps: the exponential is
// worked out once, and the gradient is one product.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "operators.h"

namespace {

at::Tensor compute(const at::Tensor& x, at::Tensor* slope) {
  const Kernels* kernel = kernels(x.scalar_type());
  TORCH_CHECK(kernel != nullptr, "this processor has no kernel for GELU in ", x.scalar_type());
  auto out = at::empty_like(x);
  if (slope != nullptr) *slope = at::empty_like(x);
  const int64_t size = x.element_size();
  const auto* from = static_cast<const char*>(x.data_ptr());
  auto* to = static_cast<char*>(out.data_ptr());
  auto* kept = slope == nullptr ? nullptr : static_cast<char*>(slope->data_ptr());
  at::parallel_for(0, x.numel(), at::internal::GRAIN_SIZE, [&](int64_t begin, int64_t end) {
    kernel->gelu(from + begin * size, end - begin, to + begin * size, kept == nullptr ? kept : kept + begin * size);
  });
  return out;
}

struct Gelu : torch::autograd::Function<Gelu> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    at::Tensor slope;
    auto out = compute(x, &slope);
    context->save_for_backward({slope});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::gelu has no second derivative");
    return {gradients[0] * context->get_saved_variables()[0]};
  }
};

at::Tensor gelu(const at::Tensor& x) { return compute(x.contiguous(), nullptr); }

at::Tensor gelu_autograd(const at::Tensor& x) {
  const auto whole = x.contiguous();
  return at::GradMode::is_enabled() && whole.requires_grad() ? at::Tensor(Gelu::apply(whole)) : compute(whole, nullptr);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) { library.def("gelu(Tensor x) -> Tensor"); }
TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("gelu", gelu); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("gelu", gelu_autograd); }
