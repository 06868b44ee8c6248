// climb.cuh: every foreground pixel climbs the surface to its summit; pixels of one summit form a basin.
//
// A pixel steps to the highest of its 3 x 3 pixels, of equals the first in raster order. Basins are numbered in raster
// order of their summits. While pixels climb, `labels` holds the position of the pixel they stepped to (>= 0), or ~basin.
// One thread takes steps in raster order, where steps back are resolved at once, then in reverse order, and again while
// any is left; a block of many follows the chains, which only ever get shorter.
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

// Takes the steps of one row in raster order; returns the next free basin number.
template <typename T>
PW_DEVICE int32_t step_row(const uint64_t* row, const Grid<T>& heights, int32_t y, int32_t width, int32_t basins,
                           int32_t* summit, int32_t* labels) {
  const int32_t offsets[9] = {-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1};
  const int32_t words = plane_words(width);
  uint8_t steps[64];
  int32_t* own = labels + (int64_t)y * width;
  for (int32_t x = 0; x < width; ++x) own[x] = 0;
  for (int32_t w = 0; w < words; ++w) {
    if (!row[w]) continue;
    const T* at = row_of(heights, y) + w * 64;
    find_steps(at - heights.pitch, at, at + heights.pitch, steps);
#ifdef PW_DISTANCE_VECTORS
    const __m512i table = _mm512_maskz_loadu_epi32(0x1FF, offsets);
    for (int32_t part = 0; part < 64; part += 16) {
      const auto mine = (__mmask16)(row[w] >> part);
      if (!mine) continue;
      int32_t* to = own + w * 64 + part;
      const __m512i step = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)(steps + part)));
      const __m512i here = _mm512_add_epi32(_mm512_set1_epi32(y * width + w * 64 + part), PW_COUNTING);
      const __m512i target = _mm512_add_epi32(here, _mm512_permutexvar_epi32(step, table));
      const __mmask16 back = _mm512_mask_cmplt_epi32_mask(mine, step, _mm512_set1_epi32(STAYS - 1));  // rows above
      _mm512_mask_storeu_epi32(to, mine, _mm512_mask_i32gather_epi32(target, back, target, labels, 4));
      uint32_t stay = _mm512_mask_cmpeq_epi32_mask(mine, step, _mm512_set1_epi32(STAYS));
      for (; stay; stay &= stay - 1) {
        const int32_t i = lowest_bit(stay);
        summit[basins] = at[part + i];
        to[i] = ~basins++;
      }
    }
#else
    for (uint64_t bits = row[w]; bits; bits &= bits - 1) {
      const int32_t i = lowest_bit(bits), x = w * 64 + i, step = steps[i];
      const int32_t target = y * width + x + offsets[step];
      int32_t value = step < STAYS ? labels[target] : target;
      if (step == STAYS) {
        summit[basins] = at[i];
        value = ~basins++;
      }
      own[x] = value;
    }
#endif
  }
  return basins;
}

// returns whether a pixel of the row is still on its way
PW_DEVICE bool follow_row(const uint64_t* row, int32_t y, int32_t width, int32_t* labels) {
  int32_t* own = labels + (int64_t)y * width;
#ifdef PW_DISTANCE_VECTORS
  uint32_t pending = 0;
  for (int32_t w = plane_words(width) - 1; w >= 0; --w)
    for (int32_t part = row[w] ? 48 : -1; part >= 0; part -= 16) {
      const auto mine = (__mmask16)(row[w] >> part);
      int32_t* at = own + w * 64 + part;
      __m512i value = _mm512_maskz_loadu_epi32(mine, at);
      auto open = (__mmask16)(mine & ~_mm512_movepi32_mask(value));
      for (int32_t round = 0; open && round < 6; ++round) {  // chains within the vector get half as long each time
        value = _mm512_mask_i32gather_epi32(value, open, value, labels, 4);
        _mm512_mask_storeu_epi32(at, open, value);
        open &= (__mmask16)~_mm512_movepi32_mask(value);
      }
      pending |= open;
    }
  return pending != 0;
#else
  int32_t pending = -1;  // negative while all are
  for (int32_t w = plane_words(width) - 1; w >= 0; --w)
    for (uint64_t bits = row[w]; bits;) {
      const int32_t i = 63 - __builtin_clzll(bits);
      bits ^= (uint64_t)1 << i;
      const int32_t value = own[w * 64 + i];
      const int32_t reached = value < 0 ? value : labels[value];
      own[w * 64 + i] = reached;
      pending &= reached;
    }
  return pending >= 0;
#endif
}
#endif

// labels becomes ~basin on the plane's pixels and 0 elsewhere, summit[basin] the height of its summit. Returns the
// number of basins. Scratch: take(height + 1) int32 and SCAN_BYTES.
template <typename T>
PW_BLOCK_CODE int32_t climb(const uint64_t* plane, int32_t height, int32_t width, Grid<T> heights, int32_t* labels,
                            int32_t* summit, Scratch scratch) {
  const int32_t words = plane_words(width);
#ifdef PW_ROWS
  (void)scratch;
  int32_t basins = 0;
  for (int32_t y = 0; y < height; ++y)
    basins = step_row(plane + (int64_t)y * words, heights, y, width, basins, summit, labels);
  for (bool pending = true; pending;) {
    pending = false;
    for (int32_t y = height - 1; y >= 0; --y)
      if (follow_row(plane + (int64_t)y * words, y, width, labels)) pending = true;
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
