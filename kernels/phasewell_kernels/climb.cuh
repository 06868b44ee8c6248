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

#ifdef PW_VECTORS
// the steps of a vector of pixels; those of background pixels have no meaning
PW_DEVICE Vector16 find_steps(const uint16_t* at, int32_t pitch) {
  Vector16 best = read_vector<Vector16>(at - pitch - 1), step = {};
  for (int32_t i = 1; i < 9; ++i) {
    const Vector16 higher = larger(best, read_vector<Vector16>(at + (i / 3 - 1) * pitch + i % 3 - 1));
    step = choose(equal(higher, best), step, fill((uint16_t)i));
    best = higher;
  }
  return step;
}

// Values of the pixels at `at`: those in `open` hold the number of their step, and take ~basin from where it leads if
// that is known: from the row on the side of step numbers `first` to first + 2, and along their own row as far as it
// reaches.
PW_DEVICE Vector16 follow_steps(Vector16 value, Mask16 open, const int16_t* at, int32_t pitch, int32_t first) {
  const Vector16 step = value;
  for (int32_t i = 0; i < 3; ++i) {
    const Vector16 there = read_vector<Vector16>(at + (first / 3 - 1) * pitch + i - 1);
    value = choose(open & equal(step, fill((uint16_t)(first + i))) & negative(there), there, value);
  }
  Mask16 from_left = open & equal(step, fill((uint16_t)(STAYS - 1)));
  Mask16 from_right = open & equal(step, fill((uint16_t)(STAYS + 1)));
  if (!any(from_left | from_right)) return value;
  const Vector16 before = read_vector<Vector16>(at - LANES_16), behind = read_vector<Vector16>(at + LANES_16);
  for (;;) {
    const Vector16 left = lanes_on_left(value, before), right = lanes_on_right(value, behind);
    const Mask16 takes_left = from_left & negative(left), takes_right = from_right & negative(right);
    if (!any(takes_left | takes_right)) return value;
    value = choose(takes_right, right, choose(takes_left, left, value));
    from_left &= ~takes_left;
    from_right &= ~takes_right;
  }
}

// Numbers the summits `stays` among the pixels of a vector, and returns ~basin there.
PW_DEVICE Vector16 number_summits(Vector16 value, uint64_t stays, const uint16_t* heights, int32_t& basins,
                                  int32_t* summit) {
  int16_t each[LANES_16];
  write_vector(each, value);
  for (; stays; stays &= stays - 1) {
    const int32_t i = lowest_bit(stays);
    summit[basins] = heights[i];
    each[i] = (int16_t)~basins++;
  }
  return read_vector<Vector16>(each);
}

// Takes the steps of one row in raster order; returns the next free basin number, NARROW_BASINS or more if there are
// too many. `open` becomes the pixels whose basin is not known yet.
PW_DEVICE int32_t step_row(const uint64_t* row, int32_t words, const uint16_t* heights, int32_t pitch, int32_t basins,
                           int32_t* summit, int16_t* basin_of, uint64_t* open) {
  for (int32_t w = 0; w < words; ++w) {
    open[w] = 0;
    for (int32_t x = w * 64; row[w] && x < w * 64 + 64; x += LANES_16) {
      const uint64_t mine = row[w] >> (x % 64) & ALL_LANES_16;
      if (!mine || basins > NARROW_BASINS - LANES_16) continue;
      Vector16 value = find_steps(heights + x, pitch);
      const uint64_t stays = bits_of(equal(value, fill((uint16_t)STAYS))) & mine;
      if (stays) value = number_summits(value, stays, heights + x, basins, summit);
      value = follow_steps(value, mask_16(mine & ~stays), basin_of + x, pitch, 0);  // the row below is not there yet
      write_vector(basin_of + x, value);
      open[w] |= (mine & ~bits_of(negative(value))) << (x % 64);
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
    for (int32_t part = 0; part < 64; part += LANES_16) {
      const int32_t shift = leftwards ? 64 - LANES_16 - part : part;
      const uint64_t mine = open[w] >> shift & ALL_LANES_16;
      if (!mine) continue;
      int16_t* at = basin_of + w * 64 + shift;
      const Vector16 value = follow_steps(read_vector<Vector16>(at), mask_16(mine), at, pitch, leftwards ? 6 : 0);
      write_vector(at, value);
      left |= (mine & ~bits_of(negative(value))) << shift;
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
  if (basins > NARROW_BASINS - LANES_16) return -1;
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
