// climb.cuh: every foreground pixel climbs the surface to its summit; pixels of one summit form a basin.
//
// A pixel steps to the highest of its 3 x 3 pixels, of equals the first in raster order. Basins are numbered in raster
// order of their summits. While pixels climb, their grid holds where they stepped to (>= 0), or ~basin; what it holds
// on the background is never looked at.
// One thread takes steps in raster order, where steps back are resolved at once, then sweeps over what is left in
// reverse and in raster order by turns; a block of many follows the chains, which only ever get shorter. With vectors
// the grid has 16 bits, and holds the number of the step; a frame with more basins than they can name goes the way
// without.
// Bytes per frame: surface 2 h * w read; grid 2 (4 without vectors) h * w, on the foreground only written and read
// about three times.
// No two summits touch: at most ceil(height / 2) * ceil(width / 2), for 2^24 px less than 2^23 basins.
#ifndef PHASEWELL_CLIMB_CUH
#define PHASEWELL_CLIMB_CUH
#include "surface.cuh"

namespace pw {

constexpr int32_t STAYS = 4;  // steps are numbered by the neighbour's place among the 3 x 3 pixels in raster order
constexpr int32_t NARROW_BASINS = 1 << 15;  // basins that 16 bits can name

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
// follow(open, y, upwards) for rows with open pixels, from below and from above by turns, until no pixel is open
template <typename Follow>
PW_DEVICE void sweep_rows(uint64_t* open, int32_t height, int32_t words, Follow follow) {
  bool upwards = true;
  for (uint64_t pending = 1; pending; upwards = !upwards) {
    pending = 0;
    for (int32_t i = 0; i < height; ++i) {
      const int32_t y = upwards ? height - 1 - i : i;
      uint64_t* row = open + (int64_t)y * words;
      uint64_t any = 0;
      for (int32_t w = 0; w < words; ++w) any |= row[w];
      if (!any) continue;
      follow(row, y, upwards);
      for (int32_t w = 0; w < words; ++w) pending |= row[w];
    }
  }
}

#ifdef PW_DISTANCE_VECTORS
// the steps of 32 pixels, 16 bits each; those of background pixels have no meaning
PW_DEVICE __m512i find_steps(const uint16_t* at, int32_t pitch) {
  __m512i best = _mm512_loadu_si512(at - pitch - 1), step = _mm512_setzero_si512();
  for (int32_t i = 1; i < 9; ++i) {
    const __m512i other = _mm512_loadu_si512(at + (i / 3 - 1) * pitch + i % 3 - 1);
    step = _mm512_mask_mov_epi16(step, _mm512_cmpgt_epu16_mask(other, best), _mm512_set1_epi16((short)i));
    best = _mm512_max_epu16(best, other);
  }
  return step;
}

// Values of the 32 pixels at `at`: those in `open` hold the number of their step, and take ~basin from where it leads
// if that is known: from the row on the side of step numbers `first` to first + 2, and along their own row as far as it
// reaches.
PW_DEVICE __m512i follow_steps(__m512i value, __mmask32 open, const int16_t* at, int32_t pitch, int32_t first) {
  const __m512i step = value;
  for (int32_t i = 0; i < 3; ++i) {
    const __mmask32 takes = _mm512_mask_cmpeq_epi16_mask(open, step, _mm512_set1_epi16((short)(first + i)));
    const __m512i there = _mm512_maskz_loadu_epi16(takes, at + (first / 3 - 1) * pitch + i - 1);
    value = _mm512_mask_mov_epi16(value, _mm512_movepi16_mask(there), there);
  }
  __mmask32 from_left = _mm512_mask_cmpeq_epi16_mask(open, step, _mm512_set1_epi16(STAYS - 1));
  __mmask32 from_right = _mm512_mask_cmpeq_epi16_mask(open, step, _mm512_set1_epi16(STAYS + 1));
  if (!(from_left | from_right)) return value;
  const __m512i counting = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13,
                                            12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i one = _mm512_set1_epi16(1);
  // lane i takes lane i - 1 or i + 1; the outermost ones the last or first of the neighbouring vector, number 63 or 32
  const __m512i to_left = _mm512_sub_epi16(counting, one), to_right = _mm512_add_epi16(counting, one);
  const __m512i before = _mm512_maskz_loadu_epi16(from_left << 31, at - 32);
  const __m512i behind = _mm512_maskz_loadu_epi16(from_right >> 31, at + 32);
  for (;;) {
    const __m512i left = _mm512_permutex2var_epi16(value, to_left, before);
    const __m512i right = _mm512_permutex2var_epi16(value, to_right, behind);
    const __mmask32 takes_left = from_left & _mm512_movepi16_mask(left);
    const __mmask32 takes_right = from_right & _mm512_movepi16_mask(right);
    if (!(takes_left | takes_right)) return value;
    value = _mm512_mask_mov_epi16(_mm512_mask_mov_epi16(value, takes_left, left), takes_right, right);
    from_left &= ~takes_left;
    from_right &= ~takes_right;
  }
}

// Numbers the summits among 32 pixels, and returns ~basin there.
PW_DEVICE __m512i number_summits(__m512i value, __mmask32 stays, const uint16_t* heights, int32_t& basins,
                                 int32_t* summit) {
  int16_t each[32];
  _mm512_storeu_si512(each, value);
  for (uint32_t bits = stays; bits; bits &= bits - 1) {
    const int32_t i = lowest_bit(bits);
    summit[basins] = heights[i];
    each[i] = (int16_t)~basins++;
  }
  return _mm512_loadu_si512(each);
}

// Takes the steps of one row in raster order; returns the next free basin number, NARROW_BASINS or more if there are
// too many. `open` becomes the pixels whose basin is not known yet.
PW_DEVICE int32_t step_row(const uint64_t* row, int32_t words, const uint16_t* heights, int32_t pitch, int32_t basins,
                           int32_t* summit, int16_t* basin_of, uint64_t* open) {
  for (int32_t w = 0; w < words; ++w) {
    open[w] = 0;
    for (int32_t x = w * 64; row[w] && x < w * 64 + 64; x += 32) {
      const auto mine = (__mmask32)(row[w] >> (x % 64));
      if (!mine || basins > NARROW_BASINS - 32) continue;
      __m512i value = find_steps(heights + x, pitch);
      const __mmask32 stays = _mm512_mask_cmpeq_epi16_mask(mine, value, _mm512_set1_epi16(STAYS));
      if (stays) value = number_summits(value, stays, heights + x, basins, summit);
      value = follow_steps(value, mine & ~stays, basin_of + x, pitch, 0);  // the row below is not there yet
      _mm512_mask_storeu_epi16(basin_of + x, mine, value);
      open[w] |= (uint64_t)(mine & ~_mm512_movepi16_mask(value)) << (x % 64);
    }
  }
  return basins;
}

// Follows the steps of a row's pixels in `open`, from the right and down or from the left and up, and keeps those that
// stay unknown. The row on the other side has not changed since they were looked at.
PW_DEVICE void follow_row(uint64_t* open, int32_t words, bool leftwards, int16_t* basin_of, int32_t pitch) {
  for (int32_t i = 0; i < words; ++i) {
    const int32_t w = leftwards ? words - 1 - i : i;
    if (!open[w]) continue;
    uint64_t left = 0;
    for (int32_t half = 0; half < 2; ++half) {
      const int32_t shift = leftwards ? 32 - 32 * half : 32 * half;
      const auto mine = (__mmask32)(open[w] >> shift);
      if (!mine) continue;
      int16_t* at = basin_of + w * 64 + shift;
      const __m512i value = follow_steps(_mm512_maskz_loadu_epi16(mine, at), mine, at, pitch, leftwards ? 6 : 0);
      _mm512_mask_storeu_epi16(at, mine, value);
      left |= (uint64_t)(mine & ~_mm512_movepi16_mask(value)) << shift;
    }
    open[w] = left;
  }
}

// climb with a grid of 16 bits; returns -1 if there are more basins than they can name.
PW_BLOCK_CODE int32_t climb_narrow(const uint64_t* plane, int32_t height, int32_t width, Grid<uint16_t> heights,
                                   Grid<int16_t> basin_of, int32_t* summit, Scratch scratch) {
  const int32_t words = plane_words(width), pitch = heights.pitch;
  uint64_t* open = take<uint64_t>(scratch, (int64_t)height * words);
  int32_t basins = 0;
  for (int32_t y = 0; y < height; ++y)
    basins = step_row(plane + (int64_t)y * words, words, row_of(heights, y), pitch, basins, summit, row_of(basin_of, y),
                      open + (int64_t)y * words);
  if (basins > NARROW_BASINS - 32) return -1;
  sweep_rows(open, height, words, [&](uint64_t* row, int32_t y, bool upwards) {
    follow_row(row, words, upwards, row_of(basin_of, y), pitch);
  });
  return basins;
}
#endif

// the steps of 64 pixels; those of background pixels have no meaning
template <typename T>
PW_DEVICE void find_steps(const T* __restrict__ above, const T* __restrict__ at, const T* __restrict__ below,
                          uint8_t* __restrict__ steps) {
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

// Takes the steps of one row in raster order; returns the next free basin number. `open` becomes the pixels whose basin
// is not known yet: they hold the position that they stepped to.
template <typename T>
PW_DEVICE int32_t step_row(const uint64_t* row, const Grid<T>& heights, int32_t y, int32_t width, int32_t basins,
                           int32_t* summit, int32_t* basin_of, uint64_t* open) {
  const int32_t words = plane_words(width);
  const int32_t offsets[9] = {-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1};
  uint8_t steps[64];
  int32_t* own = basin_of + (int64_t)y * width;
  for (int32_t w = 0; w < words; ++w) {
    open[w] = 0;
    if (!row[w]) continue;
    const T* at = row_of(heights, y) + w * 64;
    find_steps(at - heights.pitch, at, at + heights.pitch, steps);
    for (uint64_t bits = row[w]; bits; bits &= bits - 1) {
      const int32_t i = lowest_bit(bits), x = w * 64 + i, step = steps[i];
      const int32_t target = y * width + x + offsets[step];
      int32_t value = step < STAYS ? basin_of[target] : target;
      if (step == STAYS) {
        summit[basins] = at[i];
        value = ~basins++;
      }
      own[x] = value;
      open[w] |= (uint64_t)(value >= 0) << i;
    }
  }
  return basins;
}

// Follows the steps of a row's pixels in `open`, and keeps those that stay unknown.
PW_DEVICE void follow_row(uint64_t* open, int32_t y, int32_t width, int32_t* basin_of) {
  int32_t* own = basin_of + (int64_t)y * width;
  for (int32_t w = plane_words(width) - 1; w >= 0; --w) {
    uint64_t left = 0;
    for (uint64_t bits = open[w]; bits;) {
      const int32_t i = 63 - __builtin_clzll(bits);
      bits ^= (uint64_t)1 << i;
      const int32_t reached = basin_of[own[w * 64 + i]];
      own[w * 64 + i] = reached;
      left |= (uint64_t)(reached >= 0) << i;
    }
    open[w] = left;
  }
}
#endif

constexpr int64_t climb_bytes(int64_t height, int64_t width) {
  return taken_bytes(height * ((width + 63) / 64), sizeof(uint64_t)) + taken_bytes(height + 1, sizeof(int32_t)) +
         SCAN_BYTES;
}

// basin_of (height, width) becomes ~basin on the plane's pixels, summit[basin] the height of its summit. Returns the
// number of basins. Scratch: climb_bytes.
template <typename T>
PW_BLOCK_CODE int32_t climb(const uint64_t* plane, int32_t height, int32_t width, Grid<T> heights, int32_t* basin_of,
                            int32_t* summit, Scratch scratch) {
  const int32_t words = plane_words(width);
#ifdef PW_ROWS
  uint64_t* open = take<uint64_t>(scratch, (int64_t)height * words);
  int32_t basins = 0;
  for (int32_t y = 0; y < height; ++y)
    basins = step_row(plane + (int64_t)y * words, heights, y, width, basins, summit, basin_of,
                      open + (int64_t)y * words);
  sweep_rows(open, height, words, [&](uint64_t* row, int32_t y, bool) { follow_row(row, y, width, basin_of); });
  return basins;
#else
  int32_t* first = take<int32_t>(scratch, height + 1);
  PW_EACH_2D(y, x, 0, height, 0, width) {
    const int32_t step = find_step(heights, y, x);
    const bool inside = is_set(plane + (int64_t)y * words, x);
    basin_of[(int64_t)y * width + x] = inside ? (y + step / 3 - 1) * width + x + step % 3 - 1 : 0;
  }
  PW_BARRIER();
  PW_EACH(y, height + 1) {
    int32_t count = 0;
    for (int32_t x = 0; x < width && y < height; ++x)
      count += basin_of[(int64_t)y * width + x] == y * width + x && is_set(plane + (int64_t)y * words, x);
    first[y] = count;
  }
  PW_BARRIER();
  const int32_t basins = exclusive_scan(first, height + 1, scratch);
  PW_EACH(y, height) {
    int32_t next = first[y];
    for (int32_t x = 0; x < width; ++x) {
      int32_t& basin = basin_of[(int64_t)y * width + x];
      if (basin != y * width + x || !is_set(plane + (int64_t)y * words, x)) continue;
      summit[next] = row_of(heights, y)[x];
      basin = ~next++;
    }
  }
  PW_BARRIER();
  PW_EACH_2D(y, x, 0, height, 0, width) {
    if (!is_set(plane + (int64_t)y * words, x)) continue;
    int32_t& basin = basin_of[(int64_t)y * width + x];
    int32_t value = load(basin);
    while (value >= 0) value = load(basin_of[value]);
    store(basin, value);
  }
  PW_BARRIER();
  return basins;
#endif
}

}  // namespace pw
#endif
