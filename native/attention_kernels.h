// Attention of one head, see kernels.h.
//
// Products read a 32-bit unit at a time, one fp32 or a pair of bf16 neighbours along the summed dimension (kPair elements), so that both precisions
// share every line: `a` is broadcast unit by unit, `b` is packed as rows of units, one row for each step of the sum.
#pragma once

#include "vector_math.h"

namespace {

constexpr int kRows = 6;                 // of a tile of a product held in registers
constexpr int64_t kBlock = 4 * kRows;    // rows of logits worked on at once: they stay in the nearest cache. Even, for pairs.
constexpr int kPair = 4 / sizeof(Element);

// C [R, V vectors] = A·B; the last vector holds `tail` columns.
template <int R, int V, typename T>
void tile(int64_t depth, const Unit* a, int64_t a_row, int64_t a_step, const Unit* b, int64_t b_row, T* c, int64_t c_row, int64_t tail) {
  Vec sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v] = zero();
  for (int64_t k = 0; k < depth; ++k, a += a_step, b += b_row) {
    Vec columns[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) columns[v] = load_units(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec one = broadcast_unit(a + r * a_row);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] = multiply_add(one, columns[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V - 1; ++v) store(c + r * c_row + v * kLanes, sum[r][v]);
    store_first(c + r * c_row + (V - 1) * kLanes, sum[r][V - 1], tail);
  }
}

template <typename T>
using Tile = void (*)(int64_t, const Unit*, int64_t, int64_t, const Unit*, int64_t, T*, int64_t, int64_t);

template <int V, typename T>
Tile<T> tile_of(int64_t rows) {
  static constexpr Tile<T> tiles[] = {tile<1, V, T>, tile<2, V, T>, tile<3, V, T>, tile<4, V, T>, tile<5, V, T>, tile<6, V, T>};
  return tiles[rows - 1];
}

template <typename T>
Tile<T> tile_of(int64_t rows, int64_t vectors) {
  switch (vectors) {
    case 1: return tile_of<1, T>(rows);
    case 2: return tile_of<2, T>(rows);
#if ESP_VECTORS == 4
    case 3: return tile_of<3, T>(rows);
    default: return tile_of<4, T>(rows);
#else
    default: return nullptr;
#endif
  }
}

// C [rows, columns] = A·B, summed over `depth` units.
template <typename T>
void product(int64_t rows, int64_t columns, int64_t depth, const Unit* a, int64_t a_row, int64_t a_step, const Unit* b, int64_t b_row, T* c,
             int64_t c_row) {
  const int64_t vectors = up(columns, kLanes) / kLanes, strips = up(vectors, ESP_VECTORS) / ESP_VECTORS;
  for (int64_t s = 0; s < strips; ++s) {
    const int64_t begin = vectors * s / strips, width = vectors * (s + 1) / strips - begin;
    const int64_t tail = lower(columns - (begin + width - 1) * kLanes, kLanes);
    for (int64_t r = 0; r < rows; r += kRows)
      tile_of<T>(lower(kRows, rows - r), width)(depth, a + r * a_row, a_row, a_step, b + begin * kLanes, b_row, c + r * c_row + begin * kLanes, c_row,
                                                tail);
  }
}

const Element kZeros[kLanes] = {};

Unit unit_of(Element first, Element second) {
  const Element pair[2] = {first, second};
  Unit unit;
  __builtin_memcpy(&unit, pair, sizeof unit);
  return unit;
}

// Rows [rows, width] as they are, of whole units each: the last half unit is zero.
void pack_rows(const Element* x, int64_t stride, int64_t rows, int64_t width, Unit* out) {
  const int64_t units = up(width, kPair) / kPair;
  for (int64_t r = 0; r < rows; ++r, x += stride, out += units) {
    __builtin_memcpy(out, x, width / kPair * sizeof(Unit));
    if (width % kPair != 0) out[units - 1] = unit_of(x[width - 1], 0);
  }
}

// Rows [rows, width] for a sum over rows: [rows / kPair, width rounded up to vectors].
void pack_sum_over_rows(const Element* x, int64_t stride, int64_t rows, int64_t width, Unit* out) {
  const int64_t padded = up(width, kLanes), whole = width / kLanes * kLanes;
  for (int64_t r = 0; r < rows; r += kPair, x += kPair * stride, out += padded) {
    const bool alone = r + 1 == rows;
    for (int64_t c = 0; c < whole; c += kLanes) store_units(out + c, load_pairs(x + c, alone ? kZeros : x + stride + c));
    for (int64_t c = whole; c < width; ++c) out[c] = unit_of(x[c], alone || kPair == 1 ? 0 : x[stride + c]);
    for (int64_t c = width; c < padded; ++c) out[c] = 0;
  }
}

// Rows [rows, width] for a sum over columns: [width / kPair, rows rounded up to vectors].
void pack_sum_over_columns(const Element* x, int64_t stride, int64_t rows, int64_t width, Unit* out) {
  const int64_t padded = up(rows, kLanes), units = up(width, kPair) / kPair;
  for (int64_t begin = 0; begin < padded; begin += kLanes) {
    const int64_t count = lower(kLanes, rows - begin);
    for (int64_t u = 0; u < units; ++u) {
      Unit* to = out + u * padded + begin;
      const Element* from = x + begin * stride + u * kPair;
      const bool second = kPair == 2 && 2 * u + 1 < width;
      for (int64_t r = 0; r < count; ++r) to[r] = unit_of(from[r * stride], second ? from[r * stride + 1] : 0);
      for (int64_t r = count; r < kLanes; ++r) to[r] = 0;
    }
  }
}

// The columns of the last vector that are tokens: 1, and 0 after them.
Vec last_lanes(int64_t tokens) {
  float lanes[kLanes];
  for (int64_t k = 0; k < kLanes; ++k) lanes[k] = k < tokens - (up(tokens, kLanes) - kLanes) ? 1.0f : 0.0f;
  return load(lanes);
}

float largest(Vec x) {
  float lanes[kLanes];
  store(lanes, x);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) lanes[k] = lanes[k] > lanes[k + half] ? lanes[k] : lanes[k + half];
  return lanes[0];
}

float total(Vec x) {
  float lanes[kLanes];
  store(lanes, x);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
  return lanes[0];
}

// A row of products to probabilities. `row` is overwritten.
void softmax(float* row, int64_t padded, Vec lanes, float scale, Element* out) {
  const int64_t last = padded - kLanes;
  const Vec none = all(-__builtin_inff());
  Vec top = none;
  for (int64_t c = 0; c < last; c += kLanes) top = larger(load(row + c) * all(scale), top);
  top = larger(lanes != zero() ? load(row + last) * all(scale) : none, top);
  const float log2e = 1.44269504f;
  const Vec factor = all(scale * log2e), highest = all(largest(top) * log2e);
  Vec sum = zero();
  for (int64_t c = 0; c < last; c += kLanes) {
    const Vec e = power_of_two(load(row + c) * factor - highest);
    store(row + c, e);
    sum += e;
  }
  // What lies after the last token may be above the highest: it is taken out before, and after.
  Vec e = power_of_two(lanes != zero() ? load(row + last) * factor - highest : zero());
  e = lanes != zero() ? e : zero();
  const Vec inverse = all(1.0f / total(sum + e));
  for (int64_t c = 0; c < last; c += kLanes) store(out + c, load(row + c) * inverse);
  store(out + last, e * inverse);
}

// Pieces of scratch memory, one after the other, each 64-byte aligned.
struct Scratch {
  char* at;
  template <typename T>
  T* take(int64_t count) {
    T* piece = reinterpret_cast<T*>(at);
    at += up(count * static_cast<int64_t>(sizeof(T)), 64);
    return piece;
  }
};

struct Sizes {
  int64_t tokens, qk, v;                        // in vectors, as elements
  int64_t token_units, qk_units, v_units;       // in units of a sum
  explicit Sizes(const HeadShape& s)
      : tokens(up(s.tokens, kLanes)), qk(up(s.qk, kLanes)), v(up(s.v, kLanes)), token_units(up(s.tokens, kPair) / kPair),
        qk_units(up(s.qk, kPair) / kPair), v_units(up(s.v, kPair) / kPair) {}
};

struct Forward {
  Unit *keys, *values, *queries;
  float* logits;
  Element* probabilities;
  char* end;
  Forward(const HeadShape& s, void* scratch) {
    const Sizes z(s);
    Scratch memory{static_cast<char*>(scratch)};
    keys = memory.take<Unit>(z.qk_units * z.tokens);
    values = memory.take<Unit>(z.token_units * z.v);
    queries = memory.take<Unit>(kBlock * z.qk_units);
    logits = memory.take<float>(kBlock * z.tokens);
    probabilities = memory.take<Element>(kBlock * z.tokens);
    end = memory.at;
  }
};

struct Backward {
  Unit *values, *keys, *queries, *gradients;  // packed for the products they are in
  Unit* gradient_rows;                        // a block's
  float* logits;
  Element* logit_rows;
  float* zeros;
  Unit *probabilities, *differences;          // whole, for the sums over queries
  char* end;
  Backward(const HeadShape& s, void* scratch) {
    const Sizes z(s);
    Scratch memory{static_cast<char*>(scratch)};
    values = memory.take<Unit>(z.v_units * z.tokens);
    keys = memory.take<Unit>(z.token_units * z.qk);
    queries = memory.take<Unit>(z.token_units * z.qk);
    gradients = memory.take<Unit>(z.token_units * z.v);
    gradient_rows = memory.take<Unit>(kBlock * z.v_units);
    logits = memory.take<float>(kBlock * z.tokens);
    logit_rows = memory.take<Element>(kPair == 2 ? kBlock * z.tokens : 0);
    zeros = memory.take<float>(z.tokens);
    probabilities = memory.take<Unit>(kPair == 2 ? z.token_units * z.tokens : 0);
    differences = memory.take<Unit>(z.token_units * z.tokens);
    end = memory.at;
  }
};

int64_t probability_row(const HeadShape& s) { return Sizes(s).tokens; }
int64_t forward_bytes(const HeadShape& s) { return Forward(s, nullptr).end - static_cast<char*>(nullptr); }
int64_t backward_bytes(const HeadShape& s) { return Backward(s, nullptr).end - static_cast<char*>(nullptr); }

void prepare(const HeadShape& s, const void* k, const void* v, void* scratch) {
  const Forward f(s, scratch);
  pack_sum_over_columns(static_cast<const Element*>(k), s.row, s.tokens, s.qk, f.keys);
  pack_sum_over_rows(static_cast<const Element*>(v), s.row, s.tokens, s.v, f.values);
}

void forward(const HeadShape& s, const void* q, int64_t first, int64_t last, void* scratch, void* probabilities, void* outputs) {
  const Sizes z(s);
  const Forward f(s, scratch);
  const Vec lanes = last_lanes(s.tokens);
  for (int64_t begin = first; begin < last; begin += kBlock) {
    const int64_t rows = lower(kBlock, last - begin);
    pack_rows(static_cast<const Element*>(q) + begin * s.row, s.row, rows, s.qk, f.queries);
    product(rows, z.tokens, z.qk_units, f.queries, z.qk_units, 1, f.keys, z.tokens, f.logits, z.tokens);
    Element* p = probabilities == nullptr ? f.probabilities : static_cast<Element*>(probabilities) + begin * z.tokens;
    for (int64_t r = 0; r < rows; ++r) softmax(f.logits + r * z.tokens, z.tokens, lanes, s.scale, p + r * z.tokens);
    product(rows, s.v, z.token_units, reinterpret_cast<const Unit*>(p), z.tokens / kPair, 1, f.values, z.v,
            static_cast<Element*>(outputs) + begin * s.output_row, s.output_row);
  }
}

// The gradients of kPair rows of logits, times the scale, from those of their probabilities, p·(g - Σ p·g): row by row, and in pairs with the
// probabilities. Outputs may lie where the gradients are.
void softmax_backward(const Element* const* p, const float* const* gradients, int64_t padded, float scale, Element* rows, Unit* p_pairs, Unit* pairs) {
  Vec mean[kPair];
  for (int r = 0; r < kPair; ++r) {
    Vec sum = zero();
    for (int64_t c = 0; c < padded; c += kLanes) sum += load(p[r] + c) * load(gradients[r] + c);
    mean[r] = all(total(sum));
  }
  for (int64_t c = 0; c < padded; c += kLanes) {
    for (int r = 0; r < kPair; ++r) store(rows + r * padded + c, load(p[r] + c) * all(scale) * (load(gradients[r] + c) - mean[r]));
    if (kPair == 1) continue;
    store_units(pairs + c, load_pairs(rows + c, rows + padded + c));
    store_units(p_pairs + c, load_pairs(p[0] + c, p[kPair - 1] + c));
  }
}

void backward(const HeadShape& s, const void* q, const void* k, const void* v, const void* probabilities, const void* gradient, void* scratch,
              void* dq, void* dk, void* dv) {
  const Sizes z(s);
  const Backward b(s, scratch);
  const auto* g = static_cast<const Element*>(gradient);
  const auto* p = static_cast<const Element*>(probabilities);
  __builtin_memset(b.zeros, 0, z.tokens * sizeof(float));
  pack_sum_over_columns(static_cast<const Element*>(v), s.row, s.tokens, s.v, b.values);
  pack_sum_over_rows(static_cast<const Element*>(k), s.row, s.tokens, s.qk, b.keys);
  pack_sum_over_rows(static_cast<const Element*>(q), s.row, s.tokens, s.qk, b.queries);
  pack_sum_over_rows(g, s.output_row, s.tokens, s.v, b.gradients);
  for (int64_t begin = 0; begin < s.tokens; begin += kBlock) {
    const int64_t rows = lower(kBlock, s.tokens - begin);
    pack_rows(g + begin * s.output_row, s.output_row, rows, s.v, b.gradient_rows);
    Unit* differences = b.differences + begin / kPair * z.tokens;
    float* logits = kPair == 2 ? b.logits : reinterpret_cast<float*>(differences);
    auto* logit_rows = kPair == 2 ? b.logit_rows : reinterpret_cast<Element*>(differences);
    product(rows, z.tokens, z.v_units, b.gradient_rows, z.v_units, 1, b.values, z.tokens, logits, z.tokens);
    for (int64_t r = 0; r < rows; r += kPair) {
      const bool alone = r + 1 == rows;
      const Element* const p_rows[] = {p + (begin + r) * z.tokens, alone ? reinterpret_cast<const Element*>(b.zeros) : p + (begin + r + 1) * z.tokens};
      const float* const gradients[] = {logits + r * z.tokens, alone ? b.zeros : logits + (r + 1) * z.tokens};
      softmax_backward(p_rows, gradients, z.tokens, s.scale, logit_rows + r * z.tokens, b.probabilities + (begin + r) / kPair * z.tokens,
                       differences + r / kPair * z.tokens);
    }
    product(rows, s.qk, z.token_units, reinterpret_cast<const Unit*>(logit_rows), z.tokens / kPair, 1, b.keys, z.qk, static_cast<Element*>(dq) + begin * s.row, s.row);
  }
  const Unit* sums = kPair == 2 ? b.probabilities : reinterpret_cast<const Unit*>(p);
  product(s.tokens, s.qk, z.token_units, b.differences, 1, z.tokens, b.queries, z.qk, static_cast<Element*>(dk), s.row);
  product(s.tokens, s.v, z.token_units, sums, 1, z.tokens, b.gradients, z.v, static_cast<Element*>(dv), s.row);
}

}  // namespace
