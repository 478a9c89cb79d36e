// What the operators of this library share.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels.h"

// Null where libtorch's own operators are the better way, on this processor and in this precision.
const Kernels* kernels(at::ScalarType dtype);
