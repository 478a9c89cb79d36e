// Attention on a processor as one operator, reached by its name through libtorch's dispatcher like any other. It reads the packed q|k|v where the
// linear layer left it and writes heads side by side, so that nothing is copied; the gradient goes straight into that of q|k|v.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <memory>

#include "operators.h"

namespace {

// Where the parts of a head of an image are.
struct Layout {
  int64_t images, heads;
  HeadShape shape;
  int64_t size;  // of an element, in bytes

  Layout(const at::Tensor& qkv, int64_t heads, int64_t qk, int64_t v, double scale) : heads(heads) {
    TORCH_CHECK(qkv.dim() == 3 && heads > 0 && qk > 0 && v > 0 && qkv.size(2) == heads * (2 * qk + v), "q|k|v of shape ", qkv.sizes(), " is not ",
                heads, " heads of widths ", qk, ", ", qk, " and ", v);
    TORCH_CHECK(kernels(qkv.scalar_type()) != nullptr, "this processor has no kernel for attention in ", qkv.scalar_type());
    images = qkv.size(0);
    shape = {qkv.size(1), qk, v, qkv.size(2), heads * v, static_cast<float>(scale)};
    size = qkv.element_size();
  }

  template <typename Pointer>
  Pointer* q(Pointer* packed, int64_t head) const { return packed + (head / heads * shape.tokens * shape.row + head % heads * shape.qk) * size; }
  template <typename Pointer>
  Pointer* k(Pointer* packed, int64_t head) const { return q(packed, head) + heads * shape.qk * size; }
  template <typename Pointer>
  Pointer* v(Pointer* packed, int64_t head) const {
    return packed + (head / heads * shape.tokens * shape.row + 2 * heads * shape.qk + head % heads * shape.v) * size;
  }
  template <typename Pointer>
  Pointer* output(Pointer* outputs, int64_t head) const {
    return outputs + (head / heads * shape.tokens * shape.output_row + head % heads * shape.v) * size;
  }
  template <typename Pointer>
  Pointer* probabilities(Pointer* all, int64_t head, int64_t row) const { return all == nullptr ? all : all + head * shape.tokens * row * size; }

  // Heads a thread takes at least.
  int64_t grain() const { return std::max<int64_t>(1, at::internal::GRAIN_SIZE / (shape.tokens * shape.tokens)); }
};

char* bytes(const at::Tensor& tensor) { return tensor.defined() ? static_cast<char*>(tensor.data_ptr()) : nullptr; }

using Memory = std::unique_ptr<void, decltype(&c10::free_cpu)>;
Memory memory(int64_t size) { return {c10::alloc_cpu(size), &c10::free_cpu}; }

at::Tensor forward(const Layout& layout, const at::Tensor& qkv, at::Tensor* probabilities) {
  const Kernels& kernel = *kernels(qkv.scalar_type());
  const auto& shape = layout.shape;
  const int64_t heads = layout.images * layout.heads, row = kernel.probability_row(shape);
  auto outputs = at::empty({layout.images, shape.tokens, shape.output_row}, qkv.options());
  if (probabilities != nullptr) *probabilities = at::empty({heads, shape.tokens, row}, qkv.options());
  if (outputs.numel() == 0) return outputs;
  const char* from = bytes(qkv);
  char *to = bytes(outputs), *kept = probabilities == nullptr ? nullptr : bytes(*probabilities);
  // Few heads are shared out by pieces. No row depends on another, so that the pieces change no bit.
  const int64_t threads = at::get_num_threads();
  const int64_t pieces = heads % threads == 0 || heads >= 8 * threads ? 1 : 4;
  at::parallel_for(0, heads * pieces, layout.grain() * pieces, [&](int64_t begin, int64_t end) {
    const auto scratch = memory(kernel.forward_bytes(shape));
    for (int64_t k = begin; k < end; ++k) {
      const int64_t head = k / pieces, piece = k % pieces;
      if (k == begin || piece == 0) kernel.prepare(shape, layout.k(from, head), layout.v(from, head), scratch.get());
      kernel.forward(shape, layout.q(from, head), shape.tokens * piece / pieces, shape.tokens * (piece + 1) / pieces, scratch.get(),
                     layout.probabilities(kept, head, row), layout.output(to, head));
    }
  });
  return outputs;
}

at::Tensor backward(const Layout& layout, const at::Tensor& qkv, const at::Tensor& probabilities, const at::Tensor& gradient) {
  const Kernels& kernel = *kernels(qkv.scalar_type());
  const auto& shape = layout.shape;
  const int64_t row = kernel.probability_row(shape);
  auto result = at::empty_like(qkv);
  if (result.numel() == 0) return result;
  const char *from = bytes(qkv), *kept = bytes(probabilities), *given = bytes(gradient);
  char* to = bytes(result);
  at::parallel_for(0, layout.images * layout.heads, layout.grain(), [&](int64_t begin, int64_t end) {
    const auto scratch = memory(kernel.backward_bytes(shape));
    for (int64_t head = begin; head < end; ++head)
      kernel.backward(shape, layout.q(from, head), layout.k(from, head), layout.v(from, head), layout.probabilities(kept, head, row),
                      layout.output(given, head), scratch.get(), layout.q(to, head), layout.k(to, head), layout.v(to, head));
  });
  return result;
}

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv, int64_t heads, int64_t qk, int64_t v, double scale) {
    at::Tensor probabilities;
    auto outputs = ::forward(Layout(qkv, heads, qk, v, scale), qkv, &probabilities);
    context->save_for_backward({qkv, probabilities});
    context->saved_data["heads"] = heads;
    context->saved_data["qk"] = qk;
    context->saved_data["v"] = v;
    context->saved_data["scale"] = scale;
    return outputs;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "espalier::attention has no second derivative");
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const Layout layout(saved[0], data["heads"].toInt(), data["qk"].toInt(), data["v"].toInt(), data["scale"].toDouble());
    return {::backward(layout, saved[0], saved[1], gradients[0].contiguous()), {}, {}, {}, {}};
  }
};

at::Tensor attention(const at::Tensor& qkv, int64_t heads, int64_t qk, int64_t v, double scale) {
  const auto packed = qkv.contiguous();
  return forward(Layout(packed, heads, qk, v, scale), packed, nullptr);
}

at::Tensor attention_autograd(const at::Tensor& qkv, int64_t heads, int64_t qk, int64_t v, double scale) {
  const auto packed = qkv.contiguous();
  if (at::GradMode::is_enabled() && packed.requires_grad()) return Attention::apply(packed, heads, qk, v, scale);
  return forward(Layout(packed, heads, qk, v, scale), packed, nullptr);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(espalier, library) {
  library.def("attention(Tensor qkv, int heads, int qk, int v, float scale) -> Tensor");
}

TORCH_LIBRARY_IMPL(espalier, CPU, library) { library.impl("attention", attention); }
TORCH_LIBRARY_IMPL(espalier, AutogradCPU, library) { library.impl("attention", attention_autograd); }
