// surface.cuh: bright seams, and the smoothed distance that pixels climb.
//
// Seams: foreground pixels whose 5 x 5 mean of grey exceeds the background by more than a level. Surface: the sum over
// 5 x 5 pixels of the distance in sixteenths, at least 1 on foreground, 0 on background and around the frame.
// A block of one thread sums five rows into a row of column sums and five columns of these; others sum per pixel.
// Bytes per frame: grey 5 h * w from cache, distances 5 * 2 h * w from cache, surface 2 h * w written.
// Grey sums <= 25 * 255 = 6375. Near frames: 25 * 2607 = 65,175 < 2^16; far ones: 25 * 524,272 < 2^24.
#ifndef PHASEWELL_SURFACE_CUH
#define PHASEWELL_SURFACE_CUH
#include "distance.cuh"

namespace pw {

constexpr int32_t SMOOTHING_HALF = 2;
constexpr int32_t SMOOTHING_AREA = 25;
constexpr int32_t BACKGROUND = 128;  // grey level of the adjusted background

// column sums of a row, with room for two columns on either side and for whole words
constexpr int64_t sums_bytes(int64_t width, int64_t size) {
  return taken_bytes((width + 63) / 64 * 64 + 2 * GRID_MARGIN, size);
}

template <typename T>
PW_DEVICE T* take_sums(Scratch& scratch, int32_t width) {
  return take<T>(scratch, plane_words(width) * 64 + 2 * GRID_MARGIN) + GRID_MARGIN;
}

#ifdef PW_ROWS
// sums[x] becomes the sum of five rows of column x, for x from -2 to width + 1, columns mirrored
template <typename T, typename S>
PW_DEVICE void add_rows(const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ c,
                        const T* __restrict__ d,
                        const T* __restrict__ e, int32_t width, S* __restrict__ sums) {
  for (int32_t x = 0; x < width; ++x) sums[x] = (S)(a[x] + b[x] + c[x] + d[x] + e[x]);
  for (int32_t out = 1; out <= SMOOTHING_HALF; ++out) {
    sums[-out] = sums[mirrored(-out, width)];
    sums[width - 1 + out] = sums[mirrored(width - 1 + out, width)];
  }
}

// the bits of `word` whose sums of five columns exceed the limit
PW_DEVICE uint64_t above_limit(const uint16_t* __restrict__ sums, uint64_t word, int32_t limit) {
  uint64_t above = 0;
#ifdef PW_VECTORS
  for (int32_t x = 0; x < 64; x += LANES_16) {
    Vector16 sum = read_vector<Vector16>(sums + x);
    for (int32_t out = 1; out <= SMOOTHING_HALF; ++out)
      sum += read_vector<Vector16>(sums + x - out) + read_vector<Vector16>(sums + x + out);
    above |= bits_above(sum, fill((uint16_t)limit)) << x;
  }
#else
  above = pack_bits(64, [=](int32_t x) {
    return (uint8_t)(sums[x - 2] + sums[x - 1] + sums[x] + sums[x + 1] + sums[x + 2] > limit ? 1 : 0);
  });
#endif
  return above & word;
}
#else
template <typename Row>
PW_DEVICE int32_t sum_around(int32_t y, int32_t x, int32_t height, int32_t width, Row row) {
  int32_t sum = 0;
  for (int32_t v = y - SMOOTHING_HALF; v <= y + SMOOTHING_HALF; ++v) {
    const auto* at = row(mirrored(v, height));
    for (int32_t u = x - SMOOTHING_HALF; u <= x + SMOOTHING_HALF; ++u) sum += at[mirrored(u, width)];
  }
  return sum;
}
#endif

// Writes the plane without bright seams. Takes sums_bytes(width, 2).
PW_BLOCK_CODE void cut_seams(const uint64_t* plane, const uint8_t* grey, int32_t height, int32_t width,
                             int32_t seam_level,
                             uint64_t* inner, Scratch scratch) {
  const int32_t words = plane_words(width);
  const int32_t limit = seam_level > 127 ? 255 * SMOOTHING_AREA : SMOOTHING_AREA * (BACKGROUND + seam_level);
  if (limit >= 255 * SMOOTHING_AREA || seam_level == 0) {
    for (int32_t y = 0; y < height; ++y)
      PW_EACH(w, words) inner[(int64_t)y * words + w] = plane[(int64_t)y * words + w];
    PW_BARRIER();
    return;
  }
#ifdef PW_ROWS
  uint16_t* sums = take_sums<uint16_t>(scratch, width);
  for (int32_t y = 0; y < height; ++y) {
    const uint64_t* row = plane + (int64_t)y * words;
    uint64_t* out = inner + (int64_t)y * words;
    uint64_t any = 0;
    for (int32_t w = 0; w < words; ++w) any |= out[w] = row[w];
    if (!any) continue;
    const uint8_t* rows[5];
    for (int32_t i = 0; i < 5; ++i) rows[i] = grey + (int64_t)mirrored(y + i - SMOOTHING_HALF, height) * width;
    add_rows(rows[0], rows[1], rows[2], rows[3], rows[4], width, sums);
    for (int32_t w = 0; w < words; ++w)
      if (row[w]) out[w] = row[w] & ~above_limit(sums + w * 64, row[w], limit);
  }
#else
  (void)scratch;
  PW_EACH_2D(y, w, 0, height, 0, words) {
    const uint64_t word = plane[(int64_t)y * words + w];
    uint64_t seams = 0;
    for (uint64_t bits = word; bits; bits &= bits - 1) {
      const int32_t x = w * 64 + lowest_bit(bits);
      const int32_t sum = sum_around(y, x, height, width, [&](int32_t v) { return grey + (int64_t)v * width; });
      if (sum > limit) seams |= bits & (~bits + 1);
    }
    inner[(int64_t)y * words + w] = word & ~seams;
  }
#endif
  PW_BARRIER();
}

#ifdef PW_ROWS
// heights of 64 pixels from column sums
template <typename T>
PW_DEVICE void smooth_word(const T* __restrict__ sums, uint64_t word, T* __restrict__ heights) {
  T sum[64];
  for (int32_t x = 0; x < 64; ++x) {
    // unsigned: columns beyond the frame hold anything, and are masked below
    const T five = (T)((uint32_t)sums[x - 2] + (uint32_t)sums[x - 1] + (uint32_t)sums[x] + (uint32_t)sums[x + 1] +
                       (uint32_t)sums[x + 2]);
    sum[x] = five ? five : (T)1;
  }
#ifdef PW_VECTORS
  if constexpr (sizeof(T) == 2) {
    for (int32_t x = 0; x < 64; x += LANES_16)
      write_vector(heights + x, choose(mask_16(word >> x), read_vector<Vector16>(sum + x), Vector16{}));
    return;
  }
#endif
  for (int32_t x = 0; x < 64; ++x) heights[x] = (T)(word >> x & 1 ? sum[x] : 0);
}
#endif

// Writes the surface of the plane and zeros around it. Takes sums_bytes(width, sizeof(T)).
template <typename T>
PW_BLOCK_CODE void smooth_distance(const uint64_t* plane, int32_t height, int32_t width, Grid<T> sixteenths,
                                   Grid<T> heights, Scratch scratch) {
  const int32_t words = plane_words(width), right = words * 64;
  PW_EACH_2D(edge, x, 0, 2, -GRID_MARGIN, right + GRID_MARGIN) row_of(heights, edge ? height : -1)[x] = 0;
  PW_EACH(y, height) row_of(heights, y)[-1] = row_of(heights, y)[right] = 0;
#ifdef PW_ROWS
  T* sums = take_sums<T>(scratch, width);
  for (int32_t y = 0; y < height; ++y) {
    const uint64_t* row = plane + (int64_t)y * words;
    uint64_t any = 0;
    for (int32_t w = 0; w < words; ++w) any |= row[w];
    if (any) {
      const T* rows[5];
      for (int32_t i = 0; i < 5; ++i) rows[i] = row_of(sixteenths, mirrored(y + i - SMOOTHING_HALF, height));
      add_rows(rows[0], rows[1], rows[2], rows[3], rows[4], width, sums);
    }
    for (int32_t w = 0; w < words; ++w) {
      T* at = row_of(heights, y) + w * 64;
      if (row[w]) {
        smooth_word(sums + w * 64, row[w], at);
      } else {
        for (int32_t x = 0; x < 64; ++x) at[x] = 0;
      }
    }
  }
#else
  (void)scratch;
  PW_EACH_2D(y, x, 0, height, 0, right) {
    int32_t sum = 0;
    if (is_set(plane + (int64_t)y * words, x))
      sum = high(1, sum_around(y, x, height, width, [&](int32_t v) { return row_of(sixteenths, v); }));
    row_of(heights, y)[x] = (T)sum;
  }
#endif
  PW_BARRIER();
}

}  // namespace pw
#endif
