// texture.cuh: step 2 of the segmentation: how much is going on around a pixel, streamed over the rows of a frame.
//
// Energy E = sum of gx^2 + gy^2 over a square of 2 half + 1 px, divided by 4 times its pixels and rounded down; gx, gy
// are Sobel gradients. The frame is mirrored without repeating its edge for the gradients, and with repeating it for
// the sum (again and again where the square is larger than the frame). Without a texture step, E = (grey - 128)^2.
//
// A ring holds the squared gradients of the square's rows; column sums slide down by one row added and one taken away;
// each row's window sums are added up along the binary digits of the window's size. In the same pass energies become
// levels, which are counted for step 3, and are tested for contrast (contrast.cuh).
//
// Ranges: |gx|, |gy| <= 1020, so a square is at most 2,080,800, and the largest sum, of 31 x 31 px, is below 2^31.
// E <= 520,200. Bytes per frame: 1 read and 1 (2, 4) written a pixel; rings stay in cache or shared memory. On a
// CPU pairs of neighbouring levels are counted in a table of 256 KB: half the additions.
// budget: find_foreground registers<=120 smem<=0
#ifndef PHASEWELL_TEXTURE_CUH
#define PHASEWELL_TEXTURE_CUH
#include "contrast.cuh"
#include "histogram.cuh"
#include "threshold.cuh"

#if !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_LEVEL_ROWS  // a block of one thread finds the levels of a row first, then counts them in pairs
#endif

namespace pw {

constexpr int32_t MAX_TEXTURE_HALF = 15;  // px
constexpr int32_t COLUMN_PAD = 64;   // entries before and after a row of column sums
constexpr int32_t SUB_TABLES = 8;    // of the histogram: neighbours often have one level, and count in turns

// place of row or column i of a frame mirrored outwards, the edge repeated
PW_DEVICE int32_t mirror(int32_t i, int32_t size) {
  const int32_t period = 2 * size, place = ((i % period) + period) % period;
  return place < size ? place : period - 1 - place;
}

struct TextureRows {
  int32_t height, width, half, ring_rows, stride;
  Divisor by_area;    // 4 times the square's pixels
  uint32_t* ring;     // (ring_rows, stride) squared gradients
  uint32_t* column;   // (COLUMN_PAD + stride + COLUMN_PAD) sums over rows; points at column 0
  uint32_t* spare;    // of the same length; points at column -half
  uint32_t* other;    // of the same length; points at column -half
  uint32_t* total;    // (stride) window sums, or energies without a texture step
  int32_t* adjust;    // (LEVEL_BUCKETS)
  uint32_t* tables;   // (SUB_TABLES, LEVELS)
  uint8_t* levels;    // (stride)
  uint32_t* pairs;    // (LEVEL_PAIRS)
};

constexpr int64_t texture_rows_bytes(int64_t height, int64_t width, int64_t half) {
  const int64_t size = 2 * half + 1, ring_rows = half < 0 ? 0 : size < height ? size : height;
  return taken_bytes(1, sizeof(TextureRows)) + taken_bytes(ring_rows * row_stride(width), sizeof(uint32_t)) +
         3 * taken_bytes(row_stride(width) + 2 * COLUMN_PAD, sizeof(uint32_t)) +
         taken_bytes(row_stride(width), sizeof(uint32_t)) + taken_bytes(LEVEL_BUCKETS, sizeof(int32_t)) +
         taken_bytes(SUB_TABLES * LEVELS, sizeof(uint32_t));
}

// takes texture_rows_bytes; the state lies in the scratch too, so that it costs a thread no registers
PW_DEVICE const TextureRows* start_texture(int32_t height, int32_t width, int32_t half, [[maybe_unused]] Scratch frame,
                                           Scratch& fast) {
  TextureRows* state = take<TextureRows>(fast, 1);
  TextureRows rows;
  rows.height = height;
  rows.width = width;
  rows.half = half;
  rows.ring_rows = half < 0 ? 0 : low(2 * half + 1, height);
  rows.by_area = make_divisor(half < 0 ? 1u : (uint32_t)(4 * (2 * half + 1) * (2 * half + 1)));
  rows.stride = plane_words(width) * 64 + ROW_GAP;
  rows.ring = take<uint32_t>(fast, (int64_t)rows.ring_rows * rows.stride);
  rows.column = take<uint32_t>(fast, rows.stride + 2 * COLUMN_PAD) + COLUMN_PAD;
  rows.spare = take<uint32_t>(fast, rows.stride + 2 * COLUMN_PAD);
  rows.other = take<uint32_t>(fast, rows.stride + 2 * COLUMN_PAD);
  rows.total = take<uint32_t>(fast, rows.stride);
  rows.adjust = take<int32_t>(fast, LEVEL_BUCKETS);
  rows.tables = take<uint32_t>(fast, SUB_TABLES * LEVELS);
#ifdef PW_LEVEL_ROWS
  rows.levels = take<uint8_t>(frame, rows.stride);
  rows.pairs = take<uint32_t>(frame, LEVEL_PAIRS);
  clear_pairs(rows.pairs);
#endif
  PW_ONCE *state = rows;
  PW_EACH(i, SUB_TABLES * LEVELS) rows.tables[i] = 0;
  fill_level_adjustments(rows.adjust);
  return state;
}

PW_DEVICE uint32_t* ring_row(const TextureRows& rows, int32_t y) {
  return rows.ring + (int64_t)(y % rows.ring_rows) * rows.stride;
}

// gx^2 + gy^2 at column x between the columns l and r of three rows
PW_DEVICE uint32_t squared_gradient(const uint8_t* __restrict__ above, const uint8_t* __restrict__ row,
                                    const uint8_t* __restrict__ below, int32_t l, int32_t x, int32_t r) {
  const int16_t gx = (int16_t)(above[r] - above[l] + below[r] - below[l] + 2 * (row[r] - row[l]));
  const int16_t gy = (int16_t)(below[l] - above[l] + below[r] - above[r] + 2 * (below[x] - above[x]));
  return (uint32_t)(gx * gx + gy * gy);
}

// Squared gradients of row y go into the ring; with `slide` the row they replace there leaves the column sums and they
// enter.
PW_BLOCK_CODE void add_gradients(const TextureRows& rows, const uint8_t* grey, int32_t y, bool slide) {
  const int32_t width = rows.width;
  const uint8_t* __restrict__ row = grey + (int64_t)y * width;
  const uint8_t* __restrict__ above = grey + (int64_t)(y > 0 ? y - 1 : low(1, rows.height - 1)) * width;
  const uint8_t* __restrict__ below = grey + (int64_t)(y + 1 < rows.height ? y + 1 : high(rows.height - 2, 0)) * width;
  uint32_t* __restrict__ ring = ring_row(rows, y);
  uint32_t* __restrict__ column = rows.column;
  PW_EACH(i, 2) {  // the edge columns; in a frame of one column they are the same
    const int32_t x = i ? width - 1 : 0, inside = i ? high(width - 2, 0) : low(1, width - 1);
    if (i == 0 || width > 1) {
      const uint32_t square = squared_gradient(above, row, below, inside, x, inside);
      if (slide) column[x] += square - ring[x];
      ring[x] = square;
    }
  }
  int32_t first = 1;  // of the columns between them
#ifdef PW_VECTORS
  first = add_gradients_vector(above, row, below, width, slide, ring, column);
#endif
  PW_EACH(i, width - 1 - first) {
    const int32_t x = first + i;
    const uint32_t square = squared_gradient(above, row, below, x - 1, x, x + 1);
    if (slide) column[x] += square - ring[x];
    ring[x] = square;
  }
  PW_BARRIER();
}

// column sums of the rows -half..half, whose squares are in the ring
PW_BLOCK_CODE void start_columns(const TextureRows& rows) {
  uint32_t* __restrict__ column = rows.column;
  PW_EACH(x, rows.width) {
    uint32_t sum = 0;
    for (int32_t y = -rows.half; y <= rows.half; ++y) sum += ring_row(rows, mirror(y, rows.height))[x];
    column[x] = sum;
  }
  PW_BARRIER();
}

// one row down near the upper or lower edge: both rows are in the ring
PW_BLOCK_CODE void slide_columns(const TextureRows& rows, int32_t entering, int32_t leaving) {
  const uint32_t* __restrict__ enters = ring_row(rows, mirror(entering, rows.height));
  const uint32_t* __restrict__ leaves = ring_row(rows, mirror(leaving, rows.height));
  uint32_t* __restrict__ column = rows.column;
  PW_EACH(x, rows.width) column[x] += enters[x] - leaves[x];
  PW_BARRIER();
}

// brings the column sums from row y - 1 to row y, or sets them up for row 0
PW_DEVICE void reach_row(const TextureRows& rows, const uint8_t* grey, int32_t y) {
  const int32_t half = rows.half, entering = y + half;
  if (y == 0) {
    for (int32_t first = 0; first <= low(half, rows.height - 1); ++first) add_gradients(rows, grey, first, false);
    start_columns(rows);
  } else if (y > half && entering < rows.height) {
    add_gradients(rows, grey, entering, true);  // takes the place of row y - half - 1
  } else {
    if (entering < rows.height) add_gradients(rows, grey, entering, false);
    slide_columns(rows, entering, y - half - 1);
  }
}

// column sums beyond the ends of the row: half + 1 before it, half after it
PW_BLOCK_CODE void mirror_columns(const TextureRows& rows) {
  const int32_t half = rows.half, width = rows.width;
  PW_EACH(i, 2 * half + 1) {
    const int32_t x = i <= half ? i - half - 1 : width + i - half - 1;
    rows.column[x] = rows.column[mirror(x, width)];
  }
  PW_BARRIER();
}

// total[x] = column sums from x - half to x + half
PW_BLOCK_CODE void sum_windows(const TextureRows& rows) {
  const int32_t half = rows.half, width = rows.width;
  const uint32_t* column = rows.column;
#ifdef PW_VECTORS
  sum_windows_vector(column, half, width, rows.total);
#else
  const int32_t size = 2 * half + 1;
  uint32_t* __restrict__ total = rows.total;
  const uint32_t* sums = column - half;  // of `power` columns from the place on
  PW_EACH(x, width) total[x] = column[x - half];
  uint32_t* next = rows.spare;
  for (int32_t power = 1, start = 1; 2 * power <= size; power *= 2) {
    const uint32_t* __restrict__ from = sums;
    uint32_t* __restrict__ to = next;
    PW_EACH(x, width + size - 2 * power) to[x] = from[x] + from[x + power];
    PW_BARRIER();
    if (size & (2 * power)) {
      PW_EACH(x, width) total[x] += to[x + start];
      start += 2 * power;
    }
    sums = to;
    next = next == rows.spare ? rows.other : rows.spare;
  }
#endif
  PW_BARRIER();
}

// squared distance from the background's level
PW_BLOCK_CODE void measure_distances(const TextureRows& rows, const uint8_t* __restrict__ row) {
  uint32_t* __restrict__ total = rows.total;
  PW_EACH(x, rows.width) {
    const int32_t distance = row[x] - 128;
    total[x] = (uint32_t)(distance * distance);
  }
  PW_BARRIER();
}

#ifdef PW_LEVEL_ROWS
// Replaces window sums by energies; writes them clipped, and their levels. Levels from 255 on are written as 255 and
// counted.
template <typename Energy>
PW_ROW_CODE void find_row_levels(uint32_t* __restrict__ total, int32_t width, Divisor by,
                                 const int32_t* __restrict__ adjust, Energy* __restrict__ energy,
                                 uint8_t* __restrict__ levels, uint32_t* __restrict__ counts) {
#ifdef PW_VECTORS
  divide_row_vector(total, width, by, energy);
  find_levels_vector(total, width, adjust, levels, counts);
#else
  const uint32_t most = (uint32_t)(Energy)~(Energy)0;
  for (int32_t x = 0; x < width; ++x) total[x] = divide(total[x], by);
  for (int32_t x = 0; x < width; ++x) energy[x] = (Energy)(total[x] < most ? total[x] : most);
  for (int32_t x = 0; x < width; x += 64) {
    int32_t place[64], most_of_all = 0;
    for (int32_t i = 0; i < 64; ++i) {
      const float above = (float)(int32_t)(total[x + i] + 1);  // exact: its bits are the exponent, biased, and m
      __builtin_memcpy(&place[i], &above, sizeof(float));
    }
    for (int32_t i = 0; i < low(width - x, 64); ++i) {
      place[i] = (place[i] - (127 << 23) + adjust[place[i] >> 18 & (LEVEL_BUCKETS - 1)]) >> 19;
      levels[x + i] = (uint8_t)low(place[i], 255);
      most_of_all = high(most_of_all, place[i]);
    }
    if (most_of_all < 255) continue;
    for (int32_t i = 0; i < low(width - x, 64); ++i)
      if (place[i] >= 255) ++counts[place[i]];
  }
#endif
}

// counts levels below 255, in pairs as far as there are eight of them
PW_DEVICE void count_row_levels(const uint8_t* levels, int32_t width, uint32_t* pairs, uint32_t* counts) {
  for (int32_t x = count_pairs(levels, width, pairs); x < width; ++x)
    if (levels[x] < 255) ++counts[levels[x]];
}
#endif

// Energies of a row from its window sums: counted and clipped to their type; they stay in `total`, and where a CPU
// works along rows zeros follow up to a whole word.
template <typename Energy>
PW_BLOCK_CODE void count_row(const TextureRows& rows, Energy* __restrict__ energy) {
  uint32_t* __restrict__ total = rows.total;
  uint32_t* __restrict__ tables = rows.tables;
  const Divisor by = rows.by_area;
#ifdef PW_LEVEL_ROWS
  find_row_levels(total, rows.width, by, rows.adjust, energy, rows.levels, tables);
  count_row_levels(rows.levels, rows.width, rows.pairs, tables);
  for (int32_t x = rows.width; x < plane_words(rows.width) * 64; ++x) total[x] = 0;
#else
  const uint32_t most = (uint32_t)(Energy)~(Energy)0;
  PW_EACH(x, rows.width) {
    const uint32_t e = divide(total[x], by);
    total[x] = e;
    energy[x] = (Energy)(e < most ? e : most);
    atomic_add(tables[(x & (SUB_TABLES - 1)) * LEVELS + find_level(e, rows.adjust)], 1u);
  }
#endif
  PW_BARRIER();
}

// `contrast` may be null
template <typename Energy, typename Reduced>
PW_BLOCK_CODE void stream_energy(const uint8_t* grey, const TextureRows& rows, const Contrast<Reduced>* contrast,
                                 Energy* energy, uint64_t* stands) {
  for (int32_t y = 0; y < rows.height; ++y) {
    const int64_t at = (int64_t)y * rows.width;
    if (rows.half < 0) {
      measure_distances(rows, grey + at);
    } else {
      reach_row(rows, grey, y);
      mirror_columns(rows);
      sum_windows(rows);
    }
    count_row(rows, energy + at);
    if (contrast) {
      reduce_row(*contrast, rows.total, y);
      mark_near(*contrast);
      spread_row(*contrast, y);
      if (y >= contrast->radius) judge_row(*contrast, y - contrast->radius, stands);
    }
  }
  if (contrast)
    for (int32_t y = high(rows.height - contrast->radius, 0); y < rows.height; ++y) judge_row(*contrast, y, stands);
}

constexpr int64_t measure_energy_bytes(int64_t height, int64_t width, int64_t half, int64_t ratio, int64_t radius) {
  const int64_t size = ratio < NARROW_RATIO ? sizeof(uint32_t) : sizeof(uint16_t);
  return texture_rows_bytes(height, width, half) + (ratio ? contrast_bytes(height, width, radius, size) : 0);
}

// in the memory of a frame: only where a CPU counts pairs of levels
constexpr int64_t measure_energy_frame_bytes(int64_t width) {
  return taken_bytes(row_stride(width), 1) + taken_bytes(LEVEL_PAIRS, sizeof(uint32_t));
}

// Energies, their histogram of levels, and which pixels stand out.
//   grey (height, width); half 0..MAX_TEXTURE_HALF, or -1 for no texture step
//   ratio 0 (no contrast test) .. ENERGY_LIMIT; radius 0..16384; floor 0..ENERGY_LIMIT
//   energy (height, width), clipped to the type's maximum: take a type whose maximum is above the threshold's cap
//   stands (height, plane_words(width)) or null with ratio 0: pixels at or below `floor` may have any bit, and so may
//   the bits beyond the width
//   counts (LEVELS)
template <typename Energy>
PW_DEVICE void measure_energy(const uint8_t* grey, int32_t height, int32_t width, int32_t half, int32_t ratio,
                                  int32_t radius, int32_t floor, Energy* energy, uint64_t* stands, uint32_t* counts,
                                  Scratch frame, Scratch fast) {
  const TextureRows& rows = *start_texture(height, width, half, frame, fast);
  if (width > 0) {
    if (ratio == 0)
      stream_energy<Energy, uint16_t>(grey, rows, nullptr, energy, stands);
    else if (ratio < NARROW_RATIO)
      stream_energy(grey, rows, start_contrast<uint32_t>(height, width, ratio, radius, floor, fast), energy, stands);
    else
      stream_energy(grey, rows, start_contrast<uint16_t>(height, width, ratio, radius, floor, fast), energy, stands);
  }
#ifdef PW_LEVEL_ROWS
  const uint32_t counted = rows.tables[255];  // with all from 255 on
  add_pairs(rows.pairs, rows.tables);
  rows.tables[255] = counted;
#endif
  PW_EACH(level, LEVELS) {
    uint32_t sum = 0;
    for (int32_t t = 0; t < SUB_TABLES; ++t) sum += rows.tables[t * LEVELS + level];
    counts[level] = sum;
  }
  PW_BARRIER();
}

struct ForegroundNumbers {  // of steps 2 and 3, as measure_energy and choose_threshold take them
  int32_t half, ratio, radius, percent, floor, cap;
};

// bytes of an energy that holds every threshold up to `cap` and a value above it
constexpr int64_t energy_size(int64_t cap) { return cap < 255 ? 1 : cap < 65535 ? 2 : 4; }

constexpr int64_t find_foreground_bytes(int64_t height, int64_t width, const ForegroundNumbers& n) {  // frame scratch
  return taken_bytes(height * width, energy_size(n.cap)) +
         taken_bytes(n.ratio ? height * ((width + 63) / 64) : 0, sizeof(uint64_t)) +
         taken_bytes(LEVELS, sizeof(uint32_t)) + measure_energy_frame_bytes(width);
}

template <typename Energy>
PW_DEVICE int32_t find_foreground_as(const uint8_t* grey, int32_t height, int32_t width, const ForegroundNumbers& n,
                                         uint64_t* plane, Scratch frame, Scratch fast) {
  Energy* energy = take<Energy>(frame, (int64_t)height * width);
  uint64_t* stands = n.ratio ? take<uint64_t>(frame, (int64_t)height * plane_words(width)) : nullptr;
  uint32_t* counts = take<uint32_t>(frame, LEVELS);
  measure_energy<Energy>(grey, height, width, n.half, n.ratio, n.radius, n.floor, energy, stands, counts, frame,
                         fast);
  const int32_t threshold = choose_threshold(counts, n.percent, n.floor, n.cap);
  binarise<Energy>(energy, height, width, threshold, stands, plane);
  return threshold;
}

// Steps 2 and 3: the plane of a frame's foreground; returns its threshold. `fast` takes measure_energy_bytes.
PW_DEVICE int32_t find_foreground(const uint8_t* grey, int32_t height, int32_t width, const ForegroundNumbers& numbers,
                                  uint64_t* plane, Scratch frame, Scratch fast) {
  if (numbers.cap < 255) return find_foreground_as<uint8_t>(grey, height, width, numbers, plane, frame, fast);
  if (numbers.cap < 65535) return find_foreground_as<uint16_t>(grey, height, width, numbers, plane, frame, fast);
  return find_foreground_as<uint32_t>(grey, height, width, numbers, plane, frame, fast);
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; scratch: `fast` bytes of shared or global memory, `frame` bytes of global memory a block
PW_KERNEL __launch_bounds__(512, 1) find_foreground(const uint8_t* grey, int32_t height, int32_t width, int32_t half,
                                                    int32_t ratio, int32_t radius, int32_t percent, int32_t floor,
                                                    int32_t cap, uint64_t* planes, int32_t* thresholds, char* fast,
                                                    int64_t fast_stride, char* frame, int64_t frame_stride) {
  const int64_t f = (int64_t)blockIdx.x;
  const pw::ForegroundNumbers numbers = {half, ratio, radius, percent, floor, cap};
  const int32_t threshold = pw::find_foreground(
      grey + f * height * width, height, width, numbers, planes + f * height * pw::plane_words(width),
      pw::Scratch{frame + f * frame_stride}, pw::block_scratch(fast, fast_stride));
  PW_ONCE thresholds[f] = threshold;
}
#endif
#endif
