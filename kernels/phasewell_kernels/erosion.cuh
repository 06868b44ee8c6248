// erosion.cuh: step 5, the foreground pixels of a bit plane whose whole disc is foreground.
//
// The disc of a radius holds the pixels with x^2 + y^2 <= radius^2 + radius: row y of it reaches w(y) to both sides,
// and w falls as |y| grows. Outside of the frame counts as foreground. With A_w = the AND over the disc rows of half
// width w, the result is the AND over all w of A_w narrowed by w to both sides. Narrowing by w is narrowing by w - v,
// then by v, so one row is enough: begin with the widest A, narrow to the next smaller width, AND that A, and so on.
// Bits beyond the width are 1 while this goes on. A zero in the frame spreads there as well, but nothing is lost: by
// steps of at most one more than it has spread already, it reaches every place inside from places inside.
// Reads 2 radius + 1 rows for every row (a 1000 px row is 128 bytes: from L1 on a CPU) and writes it once.
// budget: erode_planes registers<=48 smem<=0
#ifndef PHASEWELL_EROSION_CUH
#define PHASEWELL_EROSION_CUH
#include "grid.cuh"
#include "plane.cuh"

namespace pw {

constexpr int32_t ERODED_ROWS = 32;  // at a time: enough words for the threads of a block, and they stay in L1

// half width of the disc's row y, |y| <= radius <= 32768; the square root of at most 2^30 + 2^15 is exact enough
PW_DEVICE int32_t disc_half_width(int32_t radius, int32_t y) {
  const int32_t square = radius * (radius + 1) - y * y;
  int32_t root = (int32_t)sqrt((double)square);
  while (root * root > square) --root;
  while ((root + 1) * (root + 1) <= square) ++root;
  return root;
}

// rows of `words` words with one word of ones between them: word w of row r is at r * (words + 1) + w + 1
constexpr int64_t erode_plane_fast_bytes(int64_t width) {
  const int64_t words = (width + 63) / 64;
  return 3 * taken_bytes(ERODED_ROWS * (words + 1) + 2, sizeof(uint64_t));
}

// narrowed = the bits of `line` (length, and one word more on both sides) that are 1 as are those `step`, 1..63, away
// to both sides; ones: what is 1 whatever it was
PW_DEVICE void narrow_line(const uint64_t* __restrict__ line, const uint64_t* __restrict__ ones, int32_t length,
                           int32_t step, uint64_t* __restrict__ narrowed) {
  const int32_t rest = 64 - step;
  PW_EACH(i, length) {
    const uint64_t right = line[i + 1] >> step | line[i + 2] << rest;
    const uint64_t left = line[i + 1] << step | line[i] >> rest;
    narrowed[i + 1] = (line[i + 1] & right & left) | ones[i + 1];
  }
}

// rows [top, bottom) of `out`, at most ERODED_ROWS
PW_DEVICE void erode_rows(const uint64_t* __restrict__ plane, int32_t height, int32_t width, int32_t radius,
                          int32_t top, int32_t bottom, uint64_t* line, uint64_t* other, const uint64_t* ones,
                          uint64_t* __restrict__ out) {
  const int32_t words = plane_words(width), stride = words + 1, length = (bottom - top) * stride;
  PW_EACH(i, length + 2) line[i] = other[i] = ~(uint64_t)0;
  PW_BARRIER();
  int32_t y = 0, half = low(disc_half_width(radius, 0), width);  // beyond the frame there is nothing to narrow
  while (y <= radius) {
    int32_t next = half;
    for (; y <= radius && next == half; ++y) {
      for (int32_t side = y ? -y : 0; side <= y; side += y ? 2 * y : 1) {
        const int32_t first = high(top, -side), last = low(bottom, height - side);
        uint64_t* __restrict__ to = line + 1 - (int64_t)top * stride;
        PW_EACH_2D(row, x, first, last, 0, words)
          to[(int64_t)row * stride + x] &= plane[(int64_t)(row + side) * words + x] | ones[x + 1];
        PW_BARRIER();
      }
      next = y < radius ? low(disc_half_width(radius, y + 1), width) : 0;
    }
    for (int32_t done = 0; done < half - next;) {
      const int32_t step = low(low(done + 1, half - next - done), 63);
      narrow_line(line, ones, length, step, other);
      PW_BARRIER();
      uint64_t* const swapped = line;
      line = other;
      other = swapped;
      done += step;
    }
    half = next;
  }
  PW_EACH_2D(row, x, top, bottom, 0, words)
    out[(int64_t)row * words + x] = line[(int64_t)(row - top) * stride + x + 1] & ~ones[x + 1];
  PW_BARRIER();
}

// out (height, words): the pixels of plane (height, words) whose disc is foreground; radius 0 copies.
// fast: erode_plane_fast_bytes(width). out must not be plane.
PW_BLOCK_CODE void erode_plane(const uint64_t* plane, int32_t height, int32_t width, int32_t radius, uint64_t* out,
                               Scratch fast) {
  const int32_t words = plane_words(width), stride = words + 1, length = ERODED_ROWS * stride + 2;
  radius = low(radius, height + width);  // such a disc covers the frame from every pixel
  uint64_t* line = take<uint64_t>(fast, length);
  uint64_t* other = take<uint64_t>(fast, length);
  uint64_t* ones = take<uint64_t>(fast, length);
  PW_EACH(i, length) {
    const int32_t w = (i + stride - 1) % stride;  // words: the word between two rows
    ones[i] = w < words - 1 ? 0 : w == words - 1 ? ~last_word_mask(width) : ~(uint64_t)0;
  }
  PW_BARRIER();
  for (int32_t top = 0; top < height; top += ERODED_ROWS)
    erode_rows(plane, height, width, radius, top, low(top + ERODED_ROWS, height), line, other, ones, out);
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; scratch: erode_plane_fast_bytes(width) of shared or global memory
PW_KERNEL __launch_bounds__(512) erode_planes(const uint64_t* planes, int32_t height, int32_t width, int32_t radius,
                                              uint64_t* out, char* fast, int64_t fast_stride) {
  const int64_t first = (int64_t)blockIdx.x * height * pw::plane_words(width);
  pw::erode_plane(planes + first, height, width, radius, out + first, pw::block_scratch(fast, fast_stride));
}
#endif
#endif
