// contrast.cuh: does a pixel's energy stand out from the strongest in the disc around it? Streamed with the texture.
//
// Foreground needs E r > largest E in the disc, which is E > largest (E / r) =: reduced. Only reduced values above the
// threshold's floor can stop a pixel that has passed the threshold: those are few, and the disc is drawn only around
// them. A row of reduced values raises the 2 radius + 1 rows around it in a ring of maxima; a row is judged when its
// last neighbour has passed. Outside of the frame counts as 0.
//
// Ranges: Reduced is uint16_t where r >= 8 (E / 8 <= 65,025; energies are kept clipped to 65,535, which still is
// above every reduced value) and uint32_t else. Bytes: rows live in fast scratch; 1/8 byte a px goes out.
#ifndef PHASEWELL_CONTRAST_CUH
#define PHASEWELL_CONTRAST_CUH
#include "energy_vectors.cuh"
#include "threshold.cuh"

namespace pw {

// Columns that one thread handles together, as one value: vectors on a CPU, where any instruction set takes them.
#if defined(PW_CUDA) || defined(PW_EMULATED)
template <typename T>
struct Columns {
  typedef T Value;
};
#else
#ifdef PW_VECTORS
constexpr int32_t COLUMN_BYTES = VECTOR_BYTES;
#else
constexpr int32_t COLUMN_BYTES = 16;  // wider ones would be taken apart in memory
#endif
template <typename T>
struct Columns {
  typedef T Value __attribute__((vector_size(COLUMN_BYTES), aligned(sizeof(T)), may_alias));
};
#endif
template <typename T>
constexpr int32_t LANES = sizeof(typename Columns<T>::Value) / sizeof(T);
constexpr int32_t NARROW_RATIO = 8;  // from this ratio on, reduced energies fit 16 bits

constexpr int32_t ROW_GAP = 32;  // entries, so that the rows of a ring do not all fall into the same lines of a cache

constexpr int64_t row_stride(int64_t width) { return (width + 63) / 64 * 64 + ROW_GAP; }

template <typename Reduced>
struct Contrast {
  int32_t height, width, words, stride;
  int32_t radius;                   // in y, at most height
  int32_t reach;                    // largest half width, at most width
  int32_t maxima_rows, kept_rows;   // lengths of the rings
  int32_t floor;                    // of the threshold
  Divisor by_ratio;
  int32_t* half_widths;             // (radius + 1) of the disc's rows 0..radius
  uint64_t* hot;                    // (words) reduced > floor in the newest row
  uint8_t* near;                    // (64 words) pieces of LANES columns that a hot one reaches
  uint32_t* touched;                // (maxima_rows, words) whether a word of maxima is not 0
  Reduced* reduced;                 // (stride) newest row, `reach` zeros before and after
  Reduced* kept;                    // (kept_rows, stride) energies
  Reduced* maxima;                  // (maxima_rows, stride)
};

constexpr int64_t contrast_bytes(int64_t height, int64_t width, int64_t radius, int64_t size) {
  const int64_t y = radius < height ? radius : height, x = radius < width ? radius : width;
  const int64_t maxima_rows = 2 * y + 1 < height ? 2 * y + 1 : height, kept_rows = y + 1 < height ? y + 1 : height;
  const int64_t words = (width + 63) / 64;
  return taken_bytes(1, sizeof(Contrast<uint32_t>)) + taken_bytes(y + 1, sizeof(int32_t)) +
         taken_bytes(words, sizeof(uint64_t)) + taken_bytes(words * 64, 1) +
         taken_bytes(maxima_rows * words, sizeof(uint32_t)) +
         taken_bytes(row_stride(width) + 2 * row_stride(x), size) +
         taken_bytes((kept_rows + maxima_rows) * row_stride(width), size);
}

// takes contrast_bytes; the state lies in the scratch too, so that it costs a thread no registers
template <typename Reduced>
PW_DEVICE const Contrast<Reduced>* start_contrast(int32_t height, int32_t width, int32_t ratio, int32_t radius,
                                                  int32_t floor, Scratch& fast) {
  Contrast<Reduced>* state = take<Contrast<Reduced>>(fast, 1);
  Contrast<Reduced> c;
  c.height = height;
  c.width = width;
  c.words = plane_words(width);
  c.stride = c.words * 64 + ROW_GAP;
  c.radius = low(radius, height);
  c.reach = low(radius, width);
  c.maxima_rows = low(2 * c.radius + 1, height);
  c.kept_rows = low(c.radius + 1, height);
  c.floor = floor;
  c.by_ratio = make_divisor((uint32_t)ratio);
  c.half_widths = take<int32_t>(fast, c.radius + 1);
  c.hot = take<uint64_t>(fast, c.words);
  c.near = take<uint8_t>(fast, c.words * 64);
  c.touched = take<uint32_t>(fast, (int64_t)c.maxima_rows * c.words);
  const int32_t pad = plane_words(c.reach) * 64;
  Reduced* padded = take<Reduced>(fast, c.stride + 2 * pad);
  c.reduced = padded + pad;
  c.kept = take<Reduced>(fast, (int64_t)(c.kept_rows + c.maxima_rows) * c.stride);
  c.maxima = c.kept + (int64_t)c.kept_rows * c.stride;
  PW_ONCE *state = c;
  PW_ONCE {
    int64_t half = radius;
    for (int64_t y = 0; y <= c.radius; ++y) {  // x^2 + y^2 <= radius (radius + 1)
      while (half > 0 && half * half + y * y > (int64_t)radius * (radius + 1)) --half;
      c.half_widths[y] = low((int32_t)half, c.reach);
    }
  }
  PW_EACH(piece, c.words * 64) c.near[piece] = 0;
  PW_EACH(i, c.maxima_rows * c.words) c.touched[i] = 0;
  PW_EACH(x, c.stride + 2 * pad) padded[x] = 0;
  PW_EACH(x, c.maxima_rows * c.stride) c.maxima[x] = 0;
  PW_BARRIER();
  return state;
}

// the ring's row for energies of row y
template <typename Reduced>
PW_DEVICE Reduced* kept_row(const Contrast<Reduced>& c, int32_t y) {
  return c.kept + (int64_t)(y % c.kept_rows) * c.stride;
}

// takes a row of energies (width) in: kept and reduced
template <typename Reduced>
PW_BLOCK_CODE void reduce_row(const Contrast<Reduced>& c, const uint32_t* __restrict__ energy, int32_t y) {
  const Divisor by = c.by_ratio;
  Reduced* __restrict__ kept = kept_row(c, y);
  Reduced* __restrict__ reduced = c.reduced;
#ifdef PW_VECTORS
  if constexpr (sizeof(Reduced) == 2) {
    reduce_vector(energy, c.width, by, c.floor, kept, reduced, c.hot);
    return;
  }
#endif
  const uint32_t most = (uint32_t)(Reduced)~(Reduced)0;
  PW_EACH(x, c.width) {
    const uint32_t e = energy[x];
    kept[x] = (Reduced)(e < most ? e : most);
    reduced[x] = (Reduced)divide(e, by);
  }
  PW_BARRIER();
  PW_EACH(w, c.words) c.hot[w] = pack_above(reduced + w * 64, low(64, c.width - w * 64), c.floor);
  PW_BARRIER();
}

// marks the pieces of LANES columns that a disc around a hot column reaches, and perhaps some between them
template <typename Reduced>
PW_BLOCK_CODE void mark_near(const Contrast<Reduced>& c) {
  const int32_t last_column = c.words * 64 - 1, reach = c.reach;
  PW_EACH(w, c.words) {
    const uint64_t hot = c.hot[w];
    if (hot == 0) continue;
    const uint32_t upper = (uint32_t)(hot >> 32);
    const int32_t highest = upper ? 32 + highest_bit(upper) : highest_bit((uint32_t)hot);
    const int32_t first = high(w * 64 + lowest_bit(hot) - reach, 0) / LANES<Reduced>;
    const int32_t last = low(w * 64 + highest + reach, last_column) / LANES<Reduced>;
    for (int32_t piece = first; piece <= last; ++piece) store(c.near[piece], (uint8_t)1);
  }
  PW_BARRIER();
}

// draws the disc of every reduced value of row y into the ring, near the hot ones
template <typename Reduced>
PW_BLOCK_CODE void spread_row(const Contrast<Reduced>& c, int32_t y) {
  typedef typename Columns<Reduced>::Value Value;
  const int32_t radius = c.radius, rows = c.maxima_rows, words = c.words;
  const int64_t stride = c.stride;
  const int32_t* __restrict__ half_widths = c.half_widths;
  const int32_t slot = y % rows;
  PW_EACH(piece, words * 64 / LANES<Reduced>) {
    if (!c.near[piece]) continue;
    c.near[piece] = 0;
    const int32_t x = piece * LANES<Reduced>;
    const Reduced* reduced = c.reduced + x;
    Reduced* maxima = c.maxima + x;
    uint32_t* touched = c.touched + (x >> 6);
    Value largest = *(const Value*)reduced;  // in the columns around, as far as the disc's row is wide
    int32_t half = 0;
    for (int32_t dy = radius; dy >= 0; --dy) {
      for (; half < half_widths[dy];) {
        ++half;
        const Value left = *(const Value*)(reduced - half), right = *(const Value*)(reduced + half);
        const Value side = left < right ? right : left;
        largest = largest < side ? side : largest;
      }
      if (y + dy < c.height) {
        const int32_t lower = slot + dy < rows ? slot + dy : slot + dy - rows;
        Value* row = (Value*)(maxima + lower * stride);
        *row = *row < largest ? largest : *row;
        store(touched[lower * words], 1u);
      }
      if (dy && y - dy >= 0) {
        const int32_t upper = slot >= dy ? slot - dy : slot - dy + rows;
        Value* row = (Value*)(maxima + upper * stride);
        *row = *row < largest ? largest : *row;
        store(touched[upper * words], 1u);
      }
    }
  }
  PW_BARRIER();
}

// bits of the 64 columns where a > b
template <typename Reduced>
PW_DEVICE uint64_t exceeding(const Reduced* __restrict__ a, const Reduced* __restrict__ b) {
#ifdef PW_VECTORS
  if constexpr (sizeof(Reduced) == 2) return exceeding_vector(a, b);
#endif
  return pack_bits(64, [=](int32_t i) { return (uint8_t)(a[i] > b[i] ? 1 : 0); });
}

// row y of the plane `stands`, all of whose neighbours have been spread; clears its row of the ring
template <typename Reduced>
PW_BLOCK_CODE void judge_row(const Contrast<Reduced>& c, int32_t y, uint64_t* stands) {
  const int32_t slot = y % c.maxima_rows;
  PW_EACH(w, c.words) {
    uint64_t bits = ~(uint64_t)0;
    if (c.touched[slot * c.words + w]) {
      const Reduced* __restrict__ energy = kept_row(c, y) + w * 64;
      Reduced* __restrict__ largest = c.maxima + (int64_t)slot * c.stride + w * 64;
      bits = exceeding(energy, largest);
      for (int32_t i = 0; i < 64; ++i) largest[i] = 0;
      c.touched[slot * c.words + w] = 0;
    }
    stands[(int64_t)y * c.words + w] = bits;
  }
  PW_BARRIER();
}

}  // namespace pw
#endif
