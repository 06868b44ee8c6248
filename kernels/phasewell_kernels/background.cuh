// background.cuh: step 1, an uneven background becomes grey level 128.
//
// The square around a pixel moves down row by row. What a row that enters and a row that leaves add to every square is
// a window sum of their difference, column by column: two prefix sums along the row, of the count of background-like
// pixels and of their offsets v - base, base = max(mode - tolerance, 0). With the mean of a square's offsets goes its
// rest: sum = mean x count + rest, 0 <= rest < count. Entering and leaving rows change the rest; only where it gets
// out of its range has the mean changed, and a division is needed. floor(sum of (v - mode) / count) + mode =
// base + mean, whatever their signs, so v - base - mean + 128 is the result.
//
// Ranges: an offset is at most reach = min(mode + tolerance, 255) - base <= 255; a count at most 2^24; the rest stays
// within count + 2 reach x columns of the window < 2^25. Prefix sums may wrap, as their differences do not. Where all
// of this fits 16 bits (windows up to 165 px at 16 levels reach), 16 bits are used.
// Bytes moved per 1000 x 1000 frame: pixels are read four times (the histogram, a row's entry, its end, its leaving;
// the latter from a cache on a CPU), the result is written once; all else is O(width).
// budget: adjust_background registers<=128 smem<=0
#ifndef PHASEWELL_BACKGROUND_CUH
#define PHASEWELL_BACKGROUND_CUH
#include "background_vectors.cuh"
#include "grid.cuh"
#include "histogram.cuh"

namespace pw {

constexpr int32_t BACKGROUND_LEVEL = 128;
constexpr int32_t WALKERS = 64;       // threads that add up the pieces of a row one after the other
constexpr int32_t MEAN_COLUMNS = 64;  // whose means are looked after together on a CPU, the last beyond the width

// What the squares of one frame look like: half widths cut at the frame, and the offsets that count.
struct Squares {
  int32_t height, width;
  int32_t half_y, half_x;  // 0..side - 1
  int32_t base;            // offset 0
  int32_t reach;           // largest offset that is background-like
  int32_t mode;            // offset of the most frequent level
};

// columns from `start` on whose means are looked after together: whole vectors, also beyond the width, where there is
// room for them; on a GPU all that are left
PW_DEVICE int32_t together(int32_t start, int32_t width) {
#ifdef PW_CUDA
  return width - start;
#else
  (void)start, (void)width;
  return MEAN_COLUMNS;
#endif
}

// counts[x], sums[x] = what column x of the entering row has more than that of the leaving row; either may be null
template <typename Row>
PW_ROW_CODE void subtract_rows(const uint8_t* __restrict__ entering, const uint8_t* __restrict__ leaving, int32_t width,
                               uint8_t base, uint8_t reach, Row* __restrict__ counts, Row* __restrict__ sums) {
  if (entering && leaving) {
    PW_EACH(x, width) {
      const uint8_t in = (uint8_t)(entering[x] - base), out = (uint8_t)(leaving[x] - base);
      counts[x] = (Row)((in <= reach ? 1 : 0) - (out <= reach ? 1 : 0));  // levels below the base wrap beyond the reach
      sums[x] = (Row)((in <= reach ? in : 0) - (out <= reach ? out : 0));
    }
  } else {
    const uint8_t* __restrict__ row = entering ? entering : leaving;
    const int32_t sign = entering ? 1 : -1;
    PW_EACH(x, width) {
      const uint8_t offset = (uint8_t)(row[x] - base);
      counts[x] = (Row)(offset <= reach ? sign : 0);
      sums[x] = (Row)(offset <= reach ? sign * offset : 0);
    }
  }
}

// values[x] becomes the sum of values[0..x]; parts (WALKERS) each. Ends with a barrier.
template <typename Row>
PW_DEVICE void add_up(Row* counts, Row* sums, int32_t width, Row* count_parts, Row* sum_parts) {
  const int32_t walkers = low(PW_THREADS, WALKERS), share = (width + walkers - 1) / walkers;
  const int32_t first = low(PW_THREAD * share, width), last = low(first + share, width);
  PW_BARRIER();
  if (PW_THREAD < walkers) {
    Row count = 0, sum = 0;
    for (int32_t x = first; x < last; ++x) {
      counts[x] = count = (Row)(count + counts[x]);
      sums[x] = sum = (Row)(sum + sums[x]);
    }
    count_parts[PW_THREAD] = count;
    sum_parts[PW_THREAD] = sum;
  }
  PW_BARRIER();
  if (PW_THREAD < walkers && PW_THREAD) {
    Row count = 0, sum = 0;
    for (int32_t part = 0; part < PW_THREAD; ++part) {
      count = (Row)(count + count_parts[part]);
      sum = (Row)(sum + sum_parts[part]);
    }
    for (int32_t x = first; x < last; ++x) {
      counts[x] = (Row)(counts[x] + count);
      sums[x] = (Row)(sums[x] + sum);
    }
  }
  PW_BARRIER();
}

// area, rest and mean of `together` columns from x on move by the windows of the prefix sums; whether a rest is out of
// its range even though the mean has gone one level down or up, as it most often does where it changes at all
template <typename Row, typename Area>
PW_DEVICE bool move_columns(const Row* __restrict__ counts, const Row* __restrict__ sums, int32_t x, int32_t width,
                            int32_t size, Area* __restrict__ area, Area* __restrict__ rest, Area* __restrict__ mean) {
  Area wrong = 0;
  PW_EACH(i, together(x, width)) {
    const Area count = (Row)(counts[x + i + size] - counts[x + i]), sum = (Row)(sums[x + i + size] - sums[x + i]);
    const Area whole = (Area)(area[x + i] + count);
    Area level = mean[x + i], left = (Area)(rest[x + i] + sum - level * count);
    const bool below = left < 0;
    left = (Area)(left + (below ? whole : 0));
    const bool above = left >= whole;
    left = (Area)(left - (above ? whole : 0));
    area[x + i] = whole;
    rest[x + i] = left;
    mean[x + i] = (Area)(level + (above ? 1 : 0) - (below ? 1 : 0));
    wrong |= (Area)(left < 0 || left >= whole ? 1 : 0);  // also where there is no background
  }
  return wrong != 0;
}

// mean and rest of `together` columns from x on by division
template <typename Area, typename Real>
PW_ROW_CODE void divide_columns(int32_t x, int32_t width, int32_t mode, const Area* __restrict__ area,
                                Area* __restrict__ rest, Area* __restrict__ mean) {
  PW_EACH(i, together(x, width)) {
    // A quotient a / b of integers below 2^24 (2^53 for double), correctly rounded, never reaches k from below:
    // a <= k b - 1, so 1 / b >= k / (a + 1) >= k 2^-24 are missing, more than half a unit in the last place below k.
    const Real count = (Real)area[x + i], sum = (Real)rest[x + i] + (Real)mean[x + i] * count;
    const int32_t found = (int32_t)(sum / (Real)high((int32_t)area[x + i], 1));
    rest[x + i] = (Area)(sum - (Real)found * count);
    mean[x + i] = (Area)(area[x + i] ? found : mode);
  }
}

// The squares move by what the prefix sums say: area, rest and mean of each column are kept up.
template <typename Row, typename Area, typename Real>
PW_ROW_CODE void move_squares(const Row* __restrict__ counts, const Row* __restrict__ sums, int32_t width, int32_t size,
                              int32_t mode, Area* __restrict__ area, Area* __restrict__ rest, Area* __restrict__ mean) {
  for (int32_t x = 0; x < width; x += together(x, width))
    if (move_columns(counts, sums, x, width, size, area, rest, mean))
      divide_columns<Area, Real>(x, width, mode, area, rest, mean);
}

template <typename Area>
PW_ROW_CODE void finish_row(const uint8_t* __restrict__ pixels, const Area* __restrict__ mean, int32_t width,
                            int32_t base, uint8_t* __restrict__ grey) {
  const int16_t shift = (int16_t)(BACKGROUND_LEVEL - base);
  PW_EACH(x, width) {
    const int16_t level = (int16_t)(pixels[x] + shift - mean[x]);  // -255..510
    grey[x] = (uint8_t)low(high(level, 0), 255);
  }
}

// prefix sums of the difference of two rows: half_x + 1 zeros stand before them, and after them the row's sum, as often
// as windows reach beyond the width. Ends with a barrier.
template <typename Row>
PW_DEVICE void sum_row(const uint8_t* entering, const uint8_t* leaving, const Squares& squares, Row* counts, Row* sums,
                       Row* parts) {
  const int32_t width = squares.width, first = squares.half_x + 1;
  if (!sum_in_vectors(entering, leaving, width, squares.base, squares.reach, counts + first, sums + first)) {
    subtract_rows(entering, leaving, width, (uint8_t)squares.base, (uint8_t)squares.reach, counts + first,
                  sums + first);
    add_up(counts + first, sums + first, width, parts, parts + WALKERS);
  }
  const Row count = counts[squares.half_x + width], sum = sums[squares.half_x + width];
  PW_BARRIER();
  PW_EACH(i, MEAN_COLUMNS + squares.half_x) {
    counts[first + width + i] = count;
    sums[first + width + i] = sum;
  }
  PW_BARRIER();
}

template <typename Row, typename Area, typename Real>
PW_BLOCK_CODE void adjust_rows(const uint8_t* pixels, Squares squares, uint8_t* grey, Scratch fast) {
  const int32_t height = squares.height, width = squares.width, half_y = squares.half_y, half_x = squares.half_x;
  const int32_t kept = width + MEAN_COLUMNS, prefixes = kept + 2 * half_x + 1;
  const int32_t lead = ALIGNMENT - (half_x + 1) % ALIGNMENT;  // the row begins at a cache line
  Row* counts = take<Row>(fast, ALIGNMENT + prefixes) + lead;
  Row* sums = take<Row>(fast, ALIGNMENT + prefixes) + lead;
  Row* parts = take<Row>(fast, 2 * WALKERS);
  Area* area = take<Area>(fast, kept);
  Area* rest = take<Area>(fast, kept);
  Area* mean = take<Area>(fast, kept);
  PW_EACH(x, half_x + 1) counts[x] = sums[x] = 0;
  PW_EACH(x, kept) area[x] = rest[x] = mean[x] = 0;
  PW_BARRIER();
  for (int32_t entering = 0; entering < height + half_y; ++entering) {
    const int32_t leaving = entering - 2 * half_y - 1, y = entering - half_y;
    const uint8_t* in = entering < height ? pixels + (int64_t)entering * width : nullptr;
    const uint8_t* out = leaving < 0 ? nullptr : pixels + (int64_t)leaving * width;
    if (in || out) {
      sum_row(in, out, squares, counts, sums, parts);
      move_squares<Row, Area, Real>(counts, sums, width, 2 * half_x + 1, squares.mode, area, rest, mean);
      PW_BARRIER();
    }
    if (y >= 0) finish_row(pixels + (int64_t)y * width, mean, width, squares.base, grey + (int64_t)y * width);
  }
  PW_BARRIER();
}

constexpr int64_t adjust_frame_fast_bytes(int64_t width) {
  return 2 * taken_bytes(ALIGNMENT + MEAN_COLUMNS + 3 * width, 4) + taken_bytes(2 * WALKERS, 4) +
         3 * taken_bytes(width + MEAN_COLUMNS, 4) + taken_bytes(GREY_LEVELS, 4);
}

constexpr int64_t adjust_frame_bytes(int64_t height, int64_t width, int64_t half) {
  return (void)half, count_levels_bytes(height * width);
}

// grey (height, width) from pixels (height, width); half in px, any; tolerance 0..255.
// fast: adjust_frame_fast_bytes(width); frame: adjust_frame_bytes(height, width, half)
PW_BLOCK_CODE void adjust_frame(const uint8_t* pixels, int32_t height, int32_t width, int32_t half, int32_t tolerance,
                                uint8_t* grey, Scratch fast, Scratch frame) {
  if (height < 1 || width < 1) return;  // the same for the whole block
  uint32_t* counts = take<uint32_t>(fast, GREY_LEVELS);
  count_levels(pixels, height * width, counts, frame);
  const int32_t mode = most_frequent(counts);
  Squares squares;
  squares.height = height;
  squares.width = width;
  squares.half_y = low(half, height - 1);  // beyond the frame there is nothing to sum
  squares.half_x = low(half, width - 1);
  squares.base = high(mode - tolerance, 0);
  squares.reach = low(mode + tolerance, 255) - squares.base;
  squares.mode = mode - squares.base;
  const int32_t columns = low(2 * squares.half_x + 1, width), rows = low(2 * squares.half_y + 1, height);
  if (columns * rows + 2 * columns * squares.reach < 1 << 15)
    adjust_rows<int16_t, int16_t, float>(pixels, squares, grey, fast);
  else if (columns * squares.reach < 1 << 15)
    adjust_rows<int16_t, int32_t, double>(pixels, squares, grey, fast);
  else
    adjust_rows<int32_t, int32_t, double>(pixels, squares, grey, fast);
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; scratch: `fast` bytes of shared or global memory, `frame` bytes of global memory a block
PW_KERNEL __launch_bounds__(512, 1) adjust_background(const uint8_t* pixels, int32_t height, int32_t width,
                                                      int32_t half, int32_t tolerance, uint8_t* grey, char* fast,
                                                      int64_t fast_stride, char* frame, int64_t frame_stride) {
  const int64_t first = (int64_t)blockIdx.x * height * width;
  pw::adjust_frame(pixels + first, height, width, half, tolerance, grey + first, pw::block_scratch(fast, fast_stride),
                   pw::Scratch{frame + (int64_t)blockIdx.x * frame_stride});
}
#endif
#endif
