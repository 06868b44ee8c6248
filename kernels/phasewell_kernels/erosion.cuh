// erosion.cuh: step 5, the foreground pixels of a bit plane whose whole disc is foreground.
//
// The disc of a radius holds the pixels with x^2 + y^2 <= radius^2 + radius: row y of it reaches w(y) to both sides,
// and w falls as |y| grows. Outside of the frame counts as foreground. With A_w = the AND over the disc rows of half
// width w, the result is the AND over all w of A_w narrowed by w to both sides. Narrowing by w is narrowing by w - v,
// then by v, so one row is enough: begin with the widest A, narrow to the next smaller width, AND that A, and so on.
// Bits beyond the width are 1 while this goes on. A zero in the frame spreads there as well, but nothing is lost: by
// steps of at most one more than it has spread already, it reaches every place inside from places inside.
// Reads 2 radius + 1 rows for every row (a 1000 px row is 128 bytes: from L1 on a CPU) and writes it once.
// budget: erode_planes registers<=80 smem<=0
#ifndef PHASEWELL_EROSION_CUH
#define PHASEWELL_EROSION_CUH
#include "grid.cuh"
#include "plane.cuh"

#if defined(__AVX512BW__) && !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_EROSION_VECTORS
#include <immintrin.h>
#endif

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

constexpr int32_t LEAD_WORDS = ALIGNMENT / sizeof(uint64_t);  // before and after the rows at work: read, never used

constexpr int64_t erode_plane_fast_bytes(int64_t width) {
  const int64_t length = ERODED_ROWS * ((width + 63) / 64);
  return 2 * taken_bytes(length + 2 * LEAD_WORDS, sizeof(uint64_t)) + 2 * taken_bytes(length, sizeof(uint64_t));
}

// The rows at work, one after the other, and what they are narrowed into.
struct ErodedRows {
  uint64_t* line;
  uint64_t* other;
  uint64_t* first;  // all ones in the first word of each row, else 0: the columns before it are foreground
  uint64_t* last;   // the same at the end
};

// narrowed = the bits of `line` that are 1 as are those `step`, 1..63, away to both sides
#ifdef PW_EROSION_VECTORS
// Eight words at a time; up to seven beyond the length are read and written as well. Words before and after come from
// the vectors before and after: loads across cache lines would take longer than all the rest.
PW_ROW_CODE void narrow_rows(const uint64_t* __restrict__ line, const uint64_t* __restrict__ first,
                             const uint64_t* __restrict__ last, int32_t length, int32_t step,
                             uint64_t* __restrict__ narrowed) {
  const __m128i by = _mm_cvtsi32_si128(step), rest = _mm_cvtsi32_si128(64 - step);
  __m512i before = _mm512_loadu_si512(line - 8), here = _mm512_loadu_si512(line);
  for (int32_t i = 0; i < length; i += 8) {
    const __m512i after = _mm512_loadu_si512(line + i + 8);
    const __m512i lower = _mm512_or_si512(_mm512_alignr_epi64(here, before, 7), _mm512_loadu_si512(first + i));
    const __m512i upper = _mm512_or_si512(_mm512_alignr_epi64(after, here, 1), _mm512_loadu_si512(last + i));
    const __m512i left = _mm512_or_si512(_mm512_sll_epi64(here, by), _mm512_srl_epi64(lower, rest));
    const __m512i right = _mm512_or_si512(_mm512_srl_epi64(here, by), _mm512_sll_epi64(upper, rest));
    _mm512_storeu_si512(narrowed + i, _mm512_and_si512(here, _mm512_and_si512(left, right)));
    before = here;
    here = after;
  }
}
#else
PW_ROW_CODE void narrow_rows(const uint64_t* __restrict__ line, const uint64_t* __restrict__ first,
                             const uint64_t* __restrict__ last, int32_t length, int32_t step,
                             uint64_t* __restrict__ narrowed) {
  const int32_t rest = 64 - step;
  PW_EACH(i, length) {
    const uint64_t right = line[i] >> step | (line[i + 1] | last[i]) << rest;
    const uint64_t left = line[i] << step | (line[i - 1] | first[i]) >> rest;
    narrowed[i] = line[i] & right & left;
  }
}
#endif

PW_ROW_CODE void and_rows(const uint64_t* __restrict__ rows, int32_t length, uint64_t* __restrict__ line) {
  PW_EACH(i, length) line[i] &= rows[i];
}

PW_ROW_CODE void and_two_rows(const uint64_t* __restrict__ above, const uint64_t* __restrict__ below, int32_t length,
                              uint64_t* __restrict__ line) {
  PW_EACH(i, length) line[i] &= above[i] & below[i];
}

// line (rows [top, bottom) of the frame) &= the rows y above and y below them, as far as there are any
PW_DEVICE void and_disc_rows(const uint64_t* plane, int32_t height, int32_t words, int32_t top, int32_t bottom,
                             int32_t y, uint64_t* line) {
  const uint64_t* rows = plane + (int64_t)top * words;
  const int64_t apart = (int64_t)y * words;
  if (y && top >= y && bottom + y <= height) {
    and_two_rows(rows - apart, rows + apart, (bottom - top) * words, line);
  } else {
    const int32_t begin = high(top, y), end = low(bottom, height - y);
    if (begin < bottom)
      and_rows(plane + (int64_t)(begin - y) * words, (bottom - begin) * words, line + (int64_t)(begin - top) * words);
    PW_BARRIER();  // the same words belong to other threads
    if (y && end > top) and_rows(rows + apart, (end - top) * words, line);
  }
  PW_BARRIER();
}

// rows [top, bottom) of `out`, at most ERODED_ROWS
PW_DEVICE void erode_rows(const uint64_t* plane, int32_t height, int32_t width, int32_t radius, int32_t top,
                          int32_t bottom, ErodedRows rows, uint64_t* out) {
  const int32_t words = plane_words(width), length = (bottom - top) * words;
  const uint64_t beyond = ~last_word_mask(width);
  PW_EACH(i, length) rows.line[i] = ~(uint64_t)0;
  PW_BARRIER();
  int32_t y = 0, half = low(disc_half_width(radius, 0), width);  // beyond the frame there is nothing to narrow
  while (y <= radius) {
    int32_t next = half;
    for (; y <= radius && next == half; ++y) {
      and_disc_rows(plane, height, words, top, bottom, y, rows.line);
      next = y < radius ? low(disc_half_width(radius, y + 1), width) : 0;
    }
    PW_EACH(row, bottom - top) rows.line[row * words + words - 1] |= beyond;
    PW_BARRIER();
    for (int32_t done = 0; done < half - next;) {
      const int32_t step = low(low(done + 1, half - next - done), 63);
      narrow_rows(rows.line, rows.first, rows.last, length, step, rows.other);
      PW_BARRIER();
      uint64_t* const narrowed = rows.other;
      rows.other = rows.line;
      rows.line = narrowed;
      done += step;
    }
    half = next;
  }
  PW_EACH(i, length) out[(int64_t)top * words + i] = rows.line[i] & ~(rows.last[i] & beyond);
  PW_BARRIER();
}

// out (height, words): the pixels of plane (height, words) whose disc is foreground; radius 0 copies.
// fast: erode_plane_fast_bytes(width). out must not be plane.
PW_BLOCK_CODE void erode_plane(const uint64_t* plane, int32_t height, int32_t width, int32_t radius, uint64_t* out,
                               Scratch fast) {
  const int32_t words = plane_words(width), length = ERODED_ROWS * words;
  radius = low(radius, height + width);  // such a disc covers the frame from every pixel
  ErodedRows rows;
  rows.line = take<uint64_t>(fast, length + 2 * LEAD_WORDS) + LEAD_WORDS;
  rows.other = take<uint64_t>(fast, length + 2 * LEAD_WORDS) + LEAD_WORDS;
  rows.first = take<uint64_t>(fast, length);
  rows.last = take<uint64_t>(fast, length);
  PW_EACH(i, length) {
    rows.first[i] = i % words == 0 ? ~(uint64_t)0 : 0;
    rows.last[i] = i % words == words - 1 ? ~(uint64_t)0 : 0;
  }
  PW_ONCE {
    for (int32_t i = 0; i < LEAD_WORDS; ++i) {
      rows.line[i - LEAD_WORDS] = rows.other[i - LEAD_WORDS] = 0;
      rows.line[length + i] = rows.other[length + i] = 0;
    }
  }
  PW_BARRIER();
  for (int32_t top = 0; top < height; top += ERODED_ROWS)
    erode_rows(plane, height, width, radius, top, low(top + ERODED_ROWS, height), rows, out);
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; scratch: erode_plane_fast_bytes(width) of shared or global memory
PW_KERNEL __launch_bounds__(512, 1) erode_planes(const uint64_t* planes, int32_t height, int32_t width, int32_t radius,
                                              uint64_t* out, char* fast, int64_t fast_stride) {
  const int64_t first = (int64_t)blockIdx.x * height * pw::plane_words(width);
  pw::erode_plane(planes + first, height, width, radius, out + first, pw::block_scratch(fast, fast_stride));
}
#endif
#endif
