// background.cuh: step 1, an uneven background becomes grey level 128.
//
// Rows stream through: a row is classified (background-like or not), summed over windows of 2 half + 1 columns by
// doubling, and added to the window sums of every column, from which the row that leaves the window is taken; then the
// row in the window's middle is finished. Row sums wait in a ring of 2 half + 2 rows until they leave.
// Sums are of offsets v - base, base = max(mode - tolerance, 0), so that they are small and unsigned: an offset is at
// most min(2 tolerance, 255), a count at most 2^24, a sum of offsets at most 255 x 2^24 < 2^32.
// floor((sum of (v - mode)) / count) + mode = base + floor((sum of offsets) / count): v - that + 128 is the result.
// Bytes moved per 1000 x 1000 frame: pixels are read three times (the histogram, a row's entry, its end; the last two
// from a cache on a CPU), the result written once, and the ring (3 or 4 bytes a pixel at 65 px half) written and
// read once.
// budget: adjust_background registers<=128 smem<=0
#ifndef PHASEWELL_BACKGROUND_CUH
#define PHASEWELL_BACKGROUND_CUH
#include "grid.cuh"
#include "histogram.cuh"

namespace pw {

constexpr int32_t BACKGROUND_LEVEL = 128;

// What the windows of one frame look like: half widths cut at the frame, and the offsets that count.
struct Windows {
  int32_t height, width;
  int32_t half_y, half_x;  // 0..side - 1
  int32_t base;            // offset 0
  int32_t reach;           // largest offset that is background-like
  int32_t mode;            // offset of the most frequent level
};

// Integers that hold the sums of a row's window (count, sum) and of a square (area, total), and the float in which
// total / area is exact enough: both below 2^24 for float, 2^53 for double. The quotient of integers a / b, correctly
// rounded, never reaches k from below: a <= k b - 1, so the gap 1 / b is at least k / (a + 1) >= k 2^-24, and half a
// unit in the last place below k is less than k 2^-24. Its floor is therefore exact.
template <typename CountType, typename SumType, typename AreaType, typename TotalType, typename RealType>
struct Sums {
  using Count = CountType;  // of a row's window
  using Sum = SumType;
  using Area = AreaType;  // of a square: its count
  using Total = TotalType;
  using Real = RealType;
};
using SmallSums = Sums<uint8_t, uint16_t, uint16_t, int32_t, float>;
using MediumSums = Sums<uint16_t, uint16_t, int32_t, int32_t, float>;
using LargeSums = Sums<uint32_t, uint32_t, uint32_t, uint32_t, double>;

PW_DEVICE float floor_of(float v) { return floorf(v); }
PW_DEVICE double floor_of(double v) { return floor(v); }

// sums[x] = sum of values[x .. x + size) for x in [0, width); values (width + size - 1) are used up, as is spare.
template <typename T>
PW_DEVICE void sum_windows(T* values, T* spare, int32_t width, int32_t size, T* __restrict__ sums) {
  // sums of 1, 2, 4... neighbours are added up along the binary digits of the size
  int32_t start = 0, length = width + size - 1;
  for (int32_t power = 1; power <= size; power *= 2) {
    T* __restrict__ from = values;
    T* __restrict__ to = spare;
    if (size & power) {
      if (start) {
        PW_EACH(x, width) sums[x] = (T)(sums[x] + from[start + x]);
      } else {
        PW_EACH(x, width) sums[x] = from[x];
      }
      start += power;
    }
    if (2 * power <= size) {
      length -= power;
      PW_EACH(x, length) to[x] = (T)(from[x] + from[x + power]);
    }
    values = to;
    spare = from;
    PW_BARRIER();
  }
}

// the row's window sums enter `area` and `total`, those of the row `left` leave; both may be rows of zeros
template <typename S>
PW_DEVICE void move_windows(const typename S::Count* __restrict__ entered_count,
                            const typename S::Sum* __restrict__ entered_sum,
                            const typename S::Count* __restrict__ left_count,
                            const typename S::Sum* __restrict__ left_sum, int32_t width,
                            typename S::Area* __restrict__ area, typename S::Total* __restrict__ total) {
  PW_EACH(x, width) area[x] = (typename S::Area)(area[x] + entered_count[x] - left_count[x]);
  PW_EACH(x, width) total[x] = (typename S::Total)(total[x] + entered_sum[x] - left_sum[x]);
}

template <typename S>
PW_DEVICE void finish_row(const uint8_t* __restrict__ pixels, const typename S::Area* __restrict__ area,
                          const typename S::Total* __restrict__ total, const Windows& windows,
                          uint8_t* __restrict__ grey) {
  using Real = typename S::Real;
  const int32_t shift = BACKGROUND_LEVEL - windows.base, mode = windows.mode;
  PW_EACH(x, windows.width) {
    const Real count = (Real)area[x];
    const int32_t mean = (int32_t)floor_of((Real)total[x] / (count < 1 ? (Real)1 : count));
    const int32_t level = (int32_t)pixels[x] + shift - (count < 1 ? mode : mean);
    grey[x] = (uint8_t)low(high(level, 0), 255);
  }
}

constexpr int64_t adjust_frame_fast_bytes(int64_t width) {
  // padded rows of counts and sums with their doubles, up to 3 widths each; area, total; two rows of zeros
  return 4 * taken_bytes(3 * width, 4) + 4 * taken_bytes(width, 4) + taken_bytes(GREY_LEVELS, 4);
}

// the ring of row sums, or the table of the histogram
constexpr int64_t adjust_frame_bytes(int64_t height, int64_t width, int64_t half) {
  const int64_t rows = 2 * half + 2 < height + 1 ? 2 * half + 2 : height + 1;
  const int64_t ring = 2 * taken_bytes(rows * width, 4), levels = count_levels_bytes(height * width);
  return ring > levels ? ring : levels;
}

template <typename S>
PW_BLOCK_CODE void adjust_rows(const uint8_t* pixels, const Windows& windows, uint8_t* grey, Scratch fast,
                               Scratch frame) {
  using Count = typename S::Count;
  using Sum = typename S::Sum;
  const int32_t height = windows.height, width = windows.width, half_y = windows.half_y, half_x = windows.half_x;
  const int32_t size_x = 2 * half_x + 1, padded = width + size_x - 1;
  const int32_t slots = low(2 * half_y + 2, height + 1);
  Count* like = take<Count>(fast, padded);
  Count* like_spare = take<Count>(fast, padded);
  Sum* offsets = take<Sum>(fast, padded);
  Sum* offsets_spare = take<Sum>(fast, padded);
  auto* area = take<typename S::Area>(fast, width);
  auto* total = take<typename S::Total>(fast, width);
  Count* no_count = take<Count>(fast, width);
  Sum* no_sum = take<Sum>(fast, width);
  Count* counts = take<Count>(frame, (int64_t)slots * width);
  Sum* sums = take<Sum>(frame, (int64_t)slots * width);
  PW_EACH(x, width) {
    area[x] = 0;
    total[x] = 0;
    no_count[x] = 0;
    no_sum[x] = 0;
  }
  PW_BARRIER();
  for (int32_t entering = 0; entering < height + half_y; ++entering) {
    const int32_t leaving = entering - 2 * half_y - 1, y = entering - half_y;
    const Count* entered_count = no_count;
    const Sum* entered_sum = no_sum;
    if (entering < height) {
      const int64_t slot = (int64_t)(entering % slots) * width;
      {
        const uint8_t* __restrict__ row = pixels + (int64_t)entering * width;
        Count* __restrict__ to_like = like;
        Sum* __restrict__ to_offset = offsets;
        PW_EACH(x, half_x) {
          to_like[x] = to_like[half_x + width + x] = 0;
          to_offset[x] = to_offset[half_x + width + x] = 0;
        }
        const int32_t base = windows.base, reach = windows.reach;
        PW_EACH(x, width) {
          const int32_t offset = row[x] - base;
          const bool inside = offset >= 0 && offset <= reach;
          to_like[half_x + x] = (Count)(inside ? 1 : 0);
          to_offset[half_x + x] = (Sum)(inside ? offset : 0);
        }
      }
      PW_BARRIER();
      sum_windows(like, like_spare, width, size_x, counts + slot);
      sum_windows(offsets, offsets_spare, width, size_x, sums + slot);
      entered_count = counts + slot;
      entered_sum = sums + slot;
    }
    const int64_t left = (int64_t)(high(leaving, 0) % slots) * width;
    move_windows<S>(entered_count, entered_sum, leaving < 0 ? no_count : counts + left,
                    leaving < 0 ? no_sum : sums + left, width, area, total);
    if (y >= 0)
      finish_row<S>(pixels + (int64_t)y * width, area, total, windows, grey + (int64_t)y * width);
  }
  PW_BARRIER();
}

// grey (height, width) from pixels (height, width); half in px, any; tolerance 0..255.
// fast: adjust_frame_fast_bytes(width); frame: adjust_frame_bytes(height, width, half)
PW_BLOCK_CODE void adjust_frame(const uint8_t* pixels, int32_t height, int32_t width, int32_t half, int32_t tolerance,
                                uint8_t* grey, Scratch fast, Scratch frame) {
  if (height < 1 || width < 1) return;  // the same for the whole block
  Scratch rest = fast;
  uint32_t* counts = take<uint32_t>(rest, GREY_LEVELS);
  count_levels(pixels, height * width, counts, frame);
  const int32_t mode = most_frequent(counts);
  Windows windows;
  windows.height = height;
  windows.width = width;
  windows.half_y = low(half, height - 1);  // beyond the frame there is nothing to sum
  windows.half_x = low(half, width - 1);
  windows.base = high(mode - tolerance, 0);
  windows.reach = low(mode + tolerance, 255) - windows.base;
  windows.mode = mode - windows.base;
  const int64_t columns = low(2 * windows.half_x + 1, width), rows = low(2 * windows.half_y + 1, height);
  if (columns <= 255 && columns * rows <= 65535 && columns * windows.reach <= 65535)
    adjust_rows<SmallSums>(pixels, windows, grey, rest, frame);  // total below 65535 x 255 < 2^24
  else if (columns * windows.reach <= 65535 && columns * rows * windows.reach < (1 << 24))
    adjust_rows<MediumSums>(pixels, windows, grey, rest, frame);
  else
    adjust_rows<LargeSums>(pixels, windows, grey, rest, frame);
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; scratch: `fast` bytes of shared or global memory, `frame` bytes of global memory a block
PW_KERNEL __launch_bounds__(512) adjust_background(const uint8_t* pixels, int32_t height, int32_t width, int32_t half,
                                                   int32_t tolerance, uint8_t* grey, char* fast, int64_t fast_stride,
                                                   char* frame, int64_t frame_stride) {
  const int64_t first = (int64_t)blockIdx.x * height * width;
  pw::adjust_frame(pixels + first, height, width, half, tolerance, grey + first, pw::block_scratch(fast, fast_stride),
                   pw::Scratch{frame + (int64_t)blockIdx.x * frame_stride});
}
#endif
#endif
