// climb.cuh: every foreground pixel climbs the surface to its summit; pixels of one summit form a basin.
//
// A pixel steps to the highest of its 3 x 3 pixels, of equals the first in raster order. Basins are numbered in raster
// order of their summits. While pixels climb, `labels` holds where they stepped to (>= 0), or ~basin.
// One thread takes steps in raster order, where steps back are resolved at once, then sweeps over what is left in reverse
// and in raster order by turns; a block of many follows the chains, which only ever get shorter.
// Bytes per frame: surface 2 h * w read; labels 4 h * w zeroed, those of the foreground written and read about three times.
// No two summits touch: at most ceil(height / 2) * ceil(width / 2), for 2^24 px less than 2^23 basins.
#ifndef PHASEWELL_CLIMB_CUH
#define PHASEWELL_CLIMB_CUH
#include "surface.cuh"

namespace pw {

#ifdef PW_DISTANCE_VECTORS
#define PW_COUNTING _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#endif

constexpr int32_t STAYS = 4;  // steps are numbered by the neighbour's place among the 3 x 3 pixels in raster order

constexpr int64_t most_basins(int64_t height, int64_t width) { return ((height + 1) / 2) * ((width + 1) / 2); }
PW_DEVICE int64_t count_most_basins(int32_t height, int32_t width) {
  return (int64_t)((height + 1) / 2) * ((width + 1) / 2);
}

template <typename T>
PW_DEVICE int32_t find_step(const Grid<T>& heights, int32_t y, int32_t x) {
  T best = 0;
  int32_t step = STAYS;
  for (int32_t i = 0; i < 9; ++i) {
    const T other = row_of(heights, y + i / 3 - 1)[x + i % 3 - 1];
    if (other > best) {
      best = other;
      step = i;
    }
  }
  return step;
}

#ifdef PW_ROWS
// the steps of 64 pixels; those of background pixels have no meaning
template <typename T>
PW_DEVICE void find_steps(const T* __restrict__ above, const T* __restrict__ at, const T* __restrict__ below,
                          uint8_t* __restrict__ steps) {
#ifdef PW_DISTANCE_VECTORS
  if (sizeof(T) == 2) {
    const T* rows[3] = {above, at, below};
    for (int32_t half = 0; half < 64; half += 32) {
      __m512i best = _mm512_loadu_si512(above + half - 1), step = _mm512_setzero_si512();
      for (int32_t i = 1; i < 9; ++i) {
        const __m512i other = _mm512_loadu_si512(rows[i / 3] + half + i % 3 - 1);
        step = _mm512_mask_mov_epi16(step, _mm512_cmpgt_epu16_mask(other, best), _mm512_set1_epi16((short)i));
        best = _mm512_max_epu16(best, other);
      }
      _mm256_storeu_si256((__m256i*)(steps + half), _mm512_cvtepi16_epi8(step));
    }
    return;
  }
#endif
  const T* rows[3] = {above, at, below};
  T best[64], step[64];
  for (int32_t x = 0; x < 64; ++x) {
    best[x] = above[x - 1];
    step[x] = 0;
  }
  for (int32_t i = 1; i < 9; ++i) {
    const T* other = rows[i / 3] + i % 3 - 1;
    for (int32_t x = 0; x < 64; ++x) {
      step[x] = other[x] > best[x] ? (T)i : step[x];
      best[x] = other[x] > best[x] ? other[x] : best[x];
    }
  }
  for (int32_t x = 0; x < 64; ++x) steps[x] = (uint8_t)step[x];
}

#ifdef PW_DISTANCE_VECTORS
// Values of the 16 pixels at `at`: those in `open` hold the number of their step, and take ~basin from where it leads
// if that is known: from the rows named by `steps` (bits by step number), and along their own row as far as it reaches.
PW_DEVICE __m512i follow_steps(__m512i value, __mmask16 open, const int32_t* at, int32_t width, uint32_t steps) {
  const __m512i step = value;
  for (int32_t i = 0; i < 9; ++i) {
    if (i / 3 == 1 || !(steps >> i & 1)) continue;
    const __mmask16 takes = _mm512_mask_cmpeq_epi32_mask(open, step, _mm512_set1_epi32(i));
    const __m512i there = _mm512_maskz_loadu_epi32(takes, at + (i / 3 - 1) * (int64_t)width + i % 3 - 1);
    value = _mm512_mask_mov_epi32(value, _mm512_movepi32_mask(there), there);
  }
  const __mmask16 from_left = _mm512_mask_cmpeq_epi32_mask(open, step, _mm512_set1_epi32(STAYS - 1));
  const __mmask16 from_right = _mm512_mask_cmpeq_epi32_mask(open, step, _mm512_set1_epi32(STAYS + 1));
  if (!(from_left | from_right)) return value;
  const __m512i before = _mm512_maskz_loadu_epi32((__mmask16)(from_left << 15), at - 16);
  const __m512i behind = _mm512_maskz_loadu_epi32((__mmask16)(from_right >> 15), at + 16);
  for (__mmask16 known = 0;;) {
    const __m512i left = _mm512_alignr_epi32(value, before, 15), right = _mm512_alignr_epi32(behind, value, 1);
    value = _mm512_mask_mov_epi32(value, from_left & _mm512_movepi32_mask(left), left);
    value = _mm512_mask_mov_epi32(value, from_right & _mm512_movepi32_mask(right), right);
    const __mmask16 now = _mm512_movepi32_mask(value);
    if (now == known) return value;
    known = now;
  }
}

// Follows the steps of a row's pixels in `open`, from the left or from the right, and keeps those that stay unknown.
PW_DEVICE void follow_row(uint64_t* open, int32_t y, int32_t width, bool leftwards, int32_t* labels) {
  const int32_t words = plane_words(width);
  for (int32_t i = 0; i < words; ++i) {
    const int32_t w = leftwards ? words - 1 - i : i;
    if (!open[w]) continue;
    uint64_t left = 0;
    for (int32_t part = 0; part < 4; ++part) {
      const int32_t shift = 16 * (leftwards ? 3 - part : part);
      const auto mine = (__mmask16)(open[w] >> shift);
      if (!mine) continue;
      int32_t* at = labels + (int64_t)y * width + w * 64 + shift;
      const __m512i value = follow_steps(_mm512_maskz_loadu_epi32(mine, at), mine, at, width, 0x1FF);
      _mm512_mask_storeu_epi32(at, mine, value);
      left |= (uint64_t)(mine & (uint32_t)~_mm512_movepi32_mask(value) & 0xFFFF) << shift;
    }
    open[w] = left;
  }
}
#endif

// Takes the steps of one row in raster order; returns the next free basin number. `open` becomes the pixels whose basin
// is not known yet: they hold the position that they stepped to or, with vectors, the number of their step.
template <typename T>
PW_DEVICE int32_t step_row(const uint64_t* row, const Grid<T>& heights, int32_t y, int32_t width, int32_t basins,
                           int32_t* summit, int32_t* labels, uint64_t* open) {
  const int32_t words = plane_words(width);
  uint8_t steps[64];
  int32_t* own = labels + (int64_t)y * width;
  for (int32_t x = 0; x < width; ++x) own[x] = 0;
  for (int32_t w = 0; w < words; ++w) {
    open[w] = 0;
    if (!row[w]) continue;
    const T* at = row_of(heights, y) + w * 64;
    find_steps(at - heights.pitch, at, at + heights.pitch, steps);
#ifdef PW_DISTANCE_VECTORS
    for (int32_t part = 0; part < 64; part += 16) {
      const auto mine = (__mmask16)(row[w] >> part);
      if (!mine) continue;
      int32_t* to = own + w * 64 + part;
      const __m512i step = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)(steps + part)));
      const __mmask16 stays = _mm512_mask_cmpeq_epi32_mask(mine, step, _mm512_set1_epi32(STAYS));
      __m512i value = step;
      if (stays) {
        const __m512i numbers = _mm512_sub_epi32(_mm512_set1_epi32(~basins), PW_COUNTING);
        value = _mm512_mask_expand_epi32(step, stays, numbers);
        for (uint32_t bits = stays; bits; bits &= bits - 1) summit[basins++] = at[part + lowest_bit(bits)];
      }
      value = follow_steps(value, (__mmask16)(mine & ~stays), to, width, 0x7);  // the rows below are not there yet
      _mm512_mask_storeu_epi32(to, mine, value);
      open[w] |= (uint64_t)(mine & (uint32_t)~_mm512_movepi32_mask(value) & 0xFFFF) << part;
    }
#else
    const int32_t offsets[9] = {-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1};
    for (uint64_t bits = row[w]; bits; bits &= bits - 1) {
      const int32_t i = lowest_bit(bits), x = w * 64 + i, step = steps[i];
      const int32_t target = y * width + x + offsets[step];
      int32_t value = step < STAYS ? labels[target] : target;
      if (step == STAYS) {
        summit[basins] = at[i];
        value = ~basins++;
      }
      own[x] = value;
      open[w] |= (uint64_t)(value >= 0) << i;
    }
#endif
  }
  return basins;
}

#ifndef PW_DISTANCE_VECTORS
// Follows the steps of a row's pixels in `open`, and keeps those that stay unknown.
PW_DEVICE void follow_row(uint64_t* open, int32_t y, int32_t width, bool, int32_t* labels) {
  int32_t* own = labels + (int64_t)y * width;
  for (int32_t w = plane_words(width) - 1; w >= 0; --w) {
    uint64_t left = 0;
    for (uint64_t bits = open[w]; bits;) {
      const int32_t i = 63 - __builtin_clzll(bits);
      bits ^= (uint64_t)1 << i;
      const int32_t reached = labels[own[w * 64 + i]];
      own[w * 64 + i] = reached;
      left |= (uint64_t)(reached >= 0) << i;
    }
    open[w] = left;
  }
}
#endif
#endif

constexpr int64_t climb_bytes(int64_t height, int64_t width) {
  return taken_bytes(height * ((width + 63) / 64), sizeof(uint64_t)) + taken_bytes(height + 1, sizeof(int32_t)) + SCAN_BYTES;
}

// labels becomes ~basin on the plane's pixels and 0 elsewhere, summit[basin] the height of its summit. Returns the
// number of basins. Scratch: climb_bytes.
template <typename T>
PW_BLOCK_CODE int32_t climb(const uint64_t* plane, int32_t height, int32_t width, Grid<T> heights, int32_t* labels,
                            int32_t* summit, Scratch scratch) {
  const int32_t words = plane_words(width);
#ifdef PW_ROWS
  uint64_t* open = take<uint64_t>(scratch, (int64_t)height * words);
  int32_t basins = 0;
  for (int32_t y = 0; y < height; ++y)
    basins = step_row(plane + (int64_t)y * words, heights, y, width, basins, summit, labels, open + (int64_t)y * words);
  bool upwards = true;
  for (uint64_t pending = 1; pending; upwards = !upwards) {
    pending = 0;
    for (int32_t i = 0; i < height; ++i) {
      const int32_t y = upwards ? height - 1 - i : i;
      uint64_t* row = open + (int64_t)y * words;
      uint64_t any = 0;
      for (int32_t w = 0; w < words; ++w) any |= row[w];
      if (!any) continue;
      follow_row(row, y, width, upwards, labels);
      for (int32_t w = 0; w < words; ++w) pending |= row[w];
    }
  }
  return basins;
#else
  int32_t* first = take<int32_t>(scratch, height + 1);
  PW_EACH_2D(y, x, 0, height, 0, width) {
    const int32_t step = find_step(heights, y, x);
    const bool inside = is_set(plane + (int64_t)y * words, x);
    labels[(int64_t)y * width + x] = inside ? (y + step / 3 - 1) * width + x + step % 3 - 1 : 0;
  }
  PW_BARRIER();
  PW_EACH(y, height + 1) {
    int32_t count = 0;
    for (int32_t x = 0; x < width && y < height; ++x)
      count += labels[(int64_t)y * width + x] == y * width + x && is_set(plane + (int64_t)y * words, x);
    first[y] = count;
  }
  PW_BARRIER();
  const int32_t basins = exclusive_scan(first, height + 1, scratch);
  PW_EACH(y, height) {
    int32_t next = first[y];
    for (int32_t x = 0; x < width; ++x) {
      int32_t& label = labels[(int64_t)y * width + x];
      if (label != y * width + x || !is_set(plane + (int64_t)y * words, x)) continue;
      summit[next] = row_of(heights, y)[x];
      label = ~next++;
    }
  }
  PW_BARRIER();
  PW_EACH_2D(y, x, 0, height, 0, width) {
    if (!is_set(plane + (int64_t)y * words, x)) continue;
    int32_t& label = labels[(int64_t)y * width + x];
    int32_t value = load(label);
    while (value >= 0) value = load(labels[value]);
    store(label, value);
  }
  PW_BARRIER();
  return basins;
#endif
}

}  // namespace pw
#endif
