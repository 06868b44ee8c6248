// lasso_sums.hpp: the long loops of the LASSO paths, vectorised along columns. No sum is reordered by the width of a
// vector: across rows they run one after the other, and dot products have eight partial sums on every instruction set.
#ifndef PHASEWELL_CPU_LASSO_SUMS_HPP
#define PHASEWELL_CPU_LASSO_SUMS_HPP
#include "lasso.hpp"

namespace pw_lasso {

#if defined(__AVX512F__)
constexpr int32_t LANES = 8;
#elif defined(__AVX2__)
constexpr int32_t LANES = 4;
#else
constexpr int32_t LANES = 2;
#endif
typedef double Wide __attribute__((vector_size(8 * LANES)));
typedef int64_t WideMask __attribute__((vector_size(8 * LANES)));
constexpr int32_t TILE = 4;      // vectors of sums that stay in registers
constexpr int32_t EIGHT = 8;     // to what vectors over rows and over active columns are padded with 0
constexpr int64_t STRIDE = 32;   // to what rows of columns are padded with 0: a tile of the widest vectors

static inline int64_t padded(int64_t count, int64_t step) { return (count + step - 1) / step * step; }
static inline Wide read(const double* at) { return *(const Wide*)at; }
static inline void write(double* at, const Wide& v) { *(Wide*)at = v; }
static inline Wide repeat(double v) { return Wide{} + v; }
static inline void clear(double* at, int64_t count) {
  for (int64_t i = 0; i < count; ++i) at[i] = 0.0;
}

// a.b over `count` (a multiple of 8) of aligned arrays
static inline double dot(const double* a, const double* b, int64_t count) {
  constexpr int32_t parts = EIGHT / LANES;
  Wide sums[parts] = {};
  for (int64_t i = 0; i < count; i += EIGHT)
    for (int32_t k = 0; k < parts; ++k) sums[k] += read(a + i + k * LANES) * read(b + i + k * LANES);
  double sum[EIGHT];
  for (int32_t i = 0; i < EIGHT; ++i) sum[i] = sums[i / LANES][i % LANES];
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

// to += weight from, over `count` (a multiple of 8) of aligned arrays
static inline void add_scaled(double* to, double weight, const double* from, int64_t count) {
  const Wide each = repeat(weight);
  for (int64_t i = 0; i < count; i += LANES) write(to + i, read(to + i) + each * read(from + i));
}

// sums (stride) += rows' weights, of N rows
template <int32_t N>
static inline void add_some(const double* rows, int64_t stride, const double* weights, double* sums) {
  Wide each[N];
  for (int32_t k = 0; k < N; ++k) each[k] = repeat(weights[k]);
  for (int64_t j = 0; j < stride; j += LANES) {
    Wide sum = read(sums + j);
    for (int32_t k = 0; k < N; ++k) sum += each[k] * read(rows + k * stride + j);
    write(sums + j, sum);
  }
}

// sums (stride) = rows' weights, of `count` rows, read once from end to end
static __attribute__((noinline)) void add_rows(const double* rows, int64_t stride, int32_t count, const double* weights,
                                               double* sums) {
  constexpr int32_t at_once = 6;
  clear(sums, stride);
  int32_t r = 0;
  for (; r + at_once <= count; r += at_once) add_some<at_once>(rows + r * stride, stride, weights + r, sums);
  for (; r < count; ++r) add_some<1>(rows + r * stride, stride, weights + r, sums);
}

// How the correlations of all columns fall with alpha, c + alpha d, and where each leaves its band -n alpha .. n alpha.
struct Falling {
  double* constant;  // c (stride)
  double* slope;     // d (stride)
  double* joins_at;  // (stride) below this alpha the column is outside; 0 = never
  double beyond;     // largest |c + alpha d| - n alpha at the present alpha
};

// c = base + rows' first, d = rows' second, of the rows `which` (count) of a table. The band is a cone: a correlation
// starts inside and leaves once, on the side of c, at |c| / (n - sign(c) d). Where that room is not above `least`, the
// column goes along with the active ones and never leaves.
static __attribute__((noinline)) void correlate(const double* rows, int64_t stride, const int32_t* which, int32_t count,
                                                const double* first, const double* second, const double* base, double n,
                                                double least, double alpha, Falling& falling) {
  const Wide zero = {}, all_n = repeat(n), all_least = repeat(least), all_alpha = repeat(alpha), one = repeat(1.0);
  Wide beyond = repeat(-1.0);
  for (int64_t j = 0; j < stride; j += TILE * LANES) {
    Wide c[TILE] = {}, d[TILE] = {};
    if (base)
      for (int32_t v = 0; v < TILE; ++v) c[v] = read(base + j + v * LANES);
    for (int32_t r = 0; r < count; ++r) {
      const double* row = rows + which[r] * stride + j;
      const Wide to_c = repeat(first[r]), to_d = repeat(second[r]);
      for (int32_t v = 0; v < TILE; ++v) {
        const Wide values = read(row + v * LANES);
        c[v] += to_c * values;
        d[v] += to_d * values;
      }
    }
    for (int32_t v = 0; v < TILE; ++v) {
      const WideMask below = c[v] < zero;
      const Wide size = below ? -c[v] : c[v], room = all_n - (below ? -d[v] : d[v]);
      const WideMask leaves = room > all_least;
      const Wide at = size / (leaves ? room : one), over = leaves ? size - all_alpha * room : zero;
      beyond = over > beyond ? over : beyond;
      write(falling.constant + j + v * LANES, c[v]);
      write(falling.slope + j + v * LANES, d[v]);
      write(falling.joins_at + j + v * LANES, leaves ? at : zero);
    }
  }
  double most = beyond[0];
  for (int32_t lane = 1; lane < LANES; ++lane) most = beyond[lane] > most ? beyond[lane] : most;
  falling.beyond = most;
}

// the place of the largest of `count` (a multiple of 8) values of at least 0, the first of equals
static inline int32_t find_largest(const double* values, int64_t count) {
  Wide best = repeat(-1.0);
  WideMask place = {};
  for (int64_t i = 0; i < count; i += LANES) {
    const Wide here = read(values + i);
    const WideMask more = here > best;
    best = more ? here : best;
    place = more ? WideMask{} + i : place;
  }
  int32_t found = 0;
  for (int32_t lane = 1; lane < LANES; ++lane) {
    const bool same = best[lane] == best[found];
    if (best[lane] > best[found] || (same && place[lane] + lane < place[found] + found)) found = lane;
  }
  return (int32_t)(place[found] + found);
}

}  // namespace pw_lasso
#endif
