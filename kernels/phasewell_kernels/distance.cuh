// distance.cuh: the exact distance to the nearest background pixel, in sixteenths of a pixel, rounded down.
//
// Down and up the columns: rows to the nearest background pixel; then along rows: the least g(x')^2 + (x - x')^2. What
// lies outside of the frame is not background; a frame without any has (height + width)^2 everywhere.
// Near frames, where nothing is NEAR_PX or more away (all real ones): g in 8 bits, squares in 16, the search along the
// row ends at the first step whose square is no smaller than what is found. Other frames: the lower envelope of
// parabolas, row by row in linear time, so that no frame takes long.
// Bytes per frame: plane h * w / 8 read twice, g h * w written, read and written, read; sixteenths 2 h * w written.
// Near: g <= 163, squares and sums of two squares <= 2 * 163^2 = 53,138 < 2^16, sixteenths <= 2607. Far: g <= h + w
// <= 32,767, squares < 2^30, sixteenths <= 524,272 < 2^20.
#ifndef PHASEWELL_DISTANCE_CUH
#define PHASEWELL_DISTANCE_CUH
#include "plane.cuh"
#include "vectors.cuh"

namespace pw {

constexpr int32_t NEAR_PX = 163;  // 25 * 16 * 163 = 65,200: sums over 5 x 5 pixels fit 16 bits as well
constexpr int32_t NEAR_SQUARE = NEAR_PX * NEAR_PX;
constexpr int32_t GRID_MARGIN = 32;    // on the left and on the right
constexpr int32_t SEARCH_MARGIN = 192;  // at least NEAR_PX, whole vectors

// rows of numbers with margins, so that neighbours can be read: column 0 of row y is at row(y)
template <typename T>
struct Grid {
  T* first;
  int32_t pitch;
};

template <typename T>
PW_DEVICE T* row_of(const Grid<T>& grid, int32_t y) { return grid.first + (int64_t)y * grid.pitch; }

PW_DEVICE int32_t grid_pitch(int32_t width) { return plane_words(width) * 64 + 2 * GRID_MARGIN; }
constexpr int64_t grid_bytes(int64_t height, int64_t width, int64_t size) {
  return taken_bytes((height + 2) * ((width + 63) / 64 * 64 + 2 * GRID_MARGIN), size);
}

// rows -1 and height belong to the grid
template <typename T>
PW_DEVICE Grid<T> take_grid(Scratch& scratch, int32_t height, int32_t width) {
  const int32_t pitch = grid_pitch(width);
  return Grid<T>{take<T>(scratch, (int64_t)(height + 2) * pitch) + pitch + GRID_MARGIN, pitch};
}

PW_DEVICE bool is_set(const uint64_t* row, int32_t x) { return row[x / 64] >> (x % 64) & 1; }

// an index of a line of `size` pixels that is continued by its mirror image, the edge repeated; at most 2 px outside
PW_DEVICE int32_t mirrored(int32_t i, int32_t size) {
  for (;;) {
    if (i < 0) i = -1 - i;
    else if (i >= size) i = 2 * size - 1 - i;
    else return i;
  }
}

// 256 * 163^2 < 2^23: the correctly rounded root has the floor of the exact one (a test looks at all of them)
PW_DEVICE uint32_t near_sixteenths(uint32_t square) { return (uint32_t)sqrtf((float)(square * 256)); }

// Distance along columns, up to `cap`; every thread has columns of its own, so rows need no barrier between them.
template <typename T>
PW_BLOCK_CODE void measure_columns(const uint64_t* plane, int32_t height, int32_t width, int32_t cap, Grid<T> column) {
  const int32_t words = plane_words(width);
  for (int32_t way = 0; way < 2; ++way)
    for (int32_t i = 0; i < height; ++i) {
      const int32_t y = way ? height - 1 - i : i;
      const uint64_t* row = plane + (int64_t)y * words;
      T* at = row_of(column, y);
      const T* before = row_of(column, way ? y + 1 : y - 1);
      PW_EACH(x, width) {
        const int32_t reached = i ? low((int32_t)before[x] + 1, cap) : cap;
        at[x] = (T)(is_set(row, x) ? (way ? low((int32_t)at[x], reached) : reached) : 0);
      }
    }
  PW_BARRIER();
}

#ifdef PW_ROWS
PW_DEVICE void near_column_word(uint64_t word, const uint8_t* __restrict__ before, uint8_t* __restrict__ at,
                                bool second) {
  if (word == 0) {
    for (int32_t x = 0; x < 64 && !second; ++x) at[x] = 0;
    return;
  }
#ifdef PW_VECTORS
  for (int32_t x = 0; x < 64; x += LANES_8) {
    const Vector8 step = read_vector<Vector8>(before + x) + (uint8_t)1;
    const Vector8 other = second ? read_vector<Vector8>(at + x) : fill((uint8_t)NEAR_PX);
    write_vector(at + x, choose(mask_8(word >> x), smaller(step, other), Vector8{}));
  }
#else
  uint8_t inside[64];
  unpack_bits(word, inside);
  for (int32_t x = 0; x < 64; ++x) {
    const uint8_t limit = second ? at[x] : (uint8_t)NEAR_PX, step = (uint8_t)(before[x] + 1);
    at[x] = (uint8_t)((step < limit ? step : limit) & inside[x]);
  }
#endif
}

PW_DEVICE void near_columns(const uint64_t* plane, int32_t height, int32_t width, Grid<uint8_t> column) {
  const int32_t words = plane_words(width);
  for (int32_t x = 0; x < words * 64; ++x) row_of(column, -1)[x] = row_of(column, height)[x] = (uint8_t)NEAR_PX;
  for (int32_t y = 0; y < height; ++y)
    for (int32_t w = 0; w < words; ++w)
      near_column_word(plane[(int64_t)y * words + w], row_of(column, y - 1) + w * 64, row_of(column, y) + w * 64,
                       false);
  for (int32_t y = height - 1; y >= 0; --y)
    for (int32_t w = 0; w < words; ++w)
      near_column_word(plane[(int64_t)y * words + w], row_of(column, y + 1) + w * 64, row_of(column, y) + w * 64, true);
}

// Sixteenths of the 64 pixels at `squares`, whose neighbours up to NEAR_PX away can be read; only those of `word`
// count. Returns whether one of them is too far away for 16 bits.
PW_DEVICE bool search_word(const uint16_t* __restrict__ squares, uint64_t word, uint16_t* __restrict__ sixteenths) {
#ifdef PW_VECTORS
  Vector16 farthest = {};
  for (int32_t x = 0; x < 64; x += LANES_16) {
    const uint64_t mine = word >> x & ALL_LANES_16;
    if (mine == 0) {
      write_vector(sixteenths + x, Vector16{});
      continue;
    }
    const uint16_t* at = squares + x;
    Vector16 best = choose(mask_16(mine), read_vector<Vector16>(at), Vector16{});
    for (int32_t step = 1; step < NEAR_PX; ++step) {
      const Vector16 square = fill((uint16_t)(step * step));
      if (!any_above(best, square)) break;
      best = smaller(best, smaller(read_vector<Vector16>(at - step), read_vector<Vector16>(at + step)) + square);
    }
    farthest = larger(farthest, best);
    write_vector(sixteenths + x, narrow(root_floors(widen(best, 0) << 8), root_floors(widen(best, 1) << 8)));
  }
  return any_above(farthest, fill((uint16_t)(NEAR_SQUARE - 1)));
#else
  int32_t most_of_all = 0;
  for (int32_t part = 0; part < 64; part += 16) {
    const uint16_t* at = squares + part;
    uint16_t best[16];
    for (int32_t x = 0; x < 16; ++x) best[x] = word >> (part + x) & 1 ? at[x] : (uint16_t)0;
    int32_t most = 0;
    for (int32_t step = 1; step <= NEAR_PX; ++step) {
      const auto square = (uint16_t)(step * step);
      uint16_t largest = 0;
      for (int32_t x = 0; x < 16; ++x) largest = best[x] > largest ? best[x] : largest;
      most = largest;
      if (largest <= square) break;
      for (int32_t x = 0; x < 16; ++x) {
        const uint16_t left = at[x - step], right = at[x + step];
        const auto nearer = (uint16_t)((left < right ? left : right) + square);
        best[x] = best[x] < nearer ? best[x] : nearer;
      }
    }
    most_of_all = high(most_of_all, most);
    for (int32_t x = 0; x < 16; ++x) sixteenths[part + x] = best[x] ? (uint16_t)near_sixteenths(best[x]) : (uint16_t)0;
  }
  return most_of_all >= NEAR_SQUARE;
#endif
}

// `squares`: (width rounded up to words + 2 * SEARCH_MARGIN)
PW_DEVICE bool near_row(const uint64_t* row, const uint8_t* __restrict__ column, int32_t width,
                        uint16_t* __restrict__ squares, uint16_t* __restrict__ sixteenths) {
  const int32_t words = plane_words(width);
  uint64_t any = 0;
  for (int32_t w = 0; w < words; ++w) any |= row[w];
  if (any)
    for (int32_t x = 0; x < width; ++x) squares[SEARCH_MARGIN + x] = (uint16_t)(column[x] * column[x]);
  bool far = false;
  for (int32_t w = 0; w < words; ++w) {
    uint16_t* at = sixteenths + w * 64;
    if (row[w]) {
      far |= search_word(squares + SEARCH_MARGIN + w * 64, row[w], at);
    } else {
      for (int32_t x = 0; x < 64; ++x) at[x] = 0;
    }
  }
  return far;
}
#endif

// what measure_near takes
constexpr int64_t near_bytes(int64_t height, int64_t width) {
  return grid_bytes(height, width, 1) + taken_bytes((width + 63) / 64 * 64 + 2 * SEARCH_MARGIN, sizeof(uint16_t)) +
         taken_bytes(1, sizeof(int32_t));
}

// Writes the sixteenths of near frames and returns true; false if a pixel is NEAR_PX or more away from the background.
PW_BLOCK_CODE bool measure_near(const uint64_t* plane, int32_t height, int32_t width, Grid<uint16_t> sixteenths,
                                Scratch scratch) {
  const int32_t words = plane_words(width);
  const Grid<uint8_t> column = take_grid<uint8_t>(scratch, height, width);
  int32_t* far = take<int32_t>(scratch, 1);
  PW_ONCE *far = 0;
#ifdef PW_ROWS
  near_columns(plane, height, width, column);
  uint16_t* squares = take<uint16_t>(scratch, words * 64 + 2 * SEARCH_MARGIN);
  for (int32_t x = 0; x < words * 64 + 2 * SEARCH_MARGIN; ++x) squares[x] = (uint16_t)NEAR_SQUARE;
  for (int32_t y = 0; y < height; ++y)
    if (near_row(plane + (int64_t)y * words, row_of(column, y), width, squares, row_of(sixteenths, y))) *far = 1;
#else
  measure_columns(plane, height, width, NEAR_PX, column);
  PW_EACH_2D(y, x, 0, height, 0, width) {
    const uint8_t* at = row_of(column, y);
    int32_t best = at[x] * at[x];
    for (int32_t step = 1; step * step < best; ++step) {
      if (x >= step) best = low(best, at[x - step] * at[x - step] + step * step);
      if (x + step < width) best = low(best, at[x + step] * at[x + step] + step * step);
    }
    row_of(sixteenths, y)[x] = (uint16_t)near_sixteenths((uint32_t)best);
    if (best >= NEAR_SQUARE) store(*far, 1);
  }
#endif
  PW_BARRIER();
  const bool near = load(*far) == 0;
  PW_BARRIER();
  return near;
}

// what measure_far takes
constexpr int64_t far_bytes(int64_t height, int64_t width) {
  return grid_bytes(height, width, 2) + 2 * taken_bytes(height * width, sizeof(uint16_t));
}

PW_DEVICE int64_t squared(int64_t v) { return v * v; }

// Sixteenths of one row by the lower envelope: parabola `at[k]` is the lowest from column `from[k]` on.
PW_DEVICE void far_row(const uint64_t* row, const uint16_t* column, int32_t width, uint16_t* at, uint16_t* from,
                       int32_t* sixteenths) {
  int32_t top = 0;
  at[0] = from[0] = 0;
  for (int32_t x = 1; x < width; ++x) {
    int64_t start = 0;  // the first column where x is lower than the parabola on top
    for (; top >= 0; --top) {
      const int64_t before = at[top];
      const int64_t twice = squared(x) - squared(before) + squared(column[x]) - squared(column[before]);
      start = twice < 0 ? 0 : twice / (2 * (x - before)) + 1;
      if (start > from[top]) break;
    }
    if (top < 0) start = 0;
    if (start >= width) continue;
    ++top;
    at[top] = (uint16_t)x;
    from[top] = (uint16_t)start;
  }
  for (int32_t x = width - 1; x >= 0; --x) {
    while (from[top] > x) --top;
    const double square = (double)(squared(x - (int64_t)at[top]) + squared(column[at[top]]));
    sixteenths[x] = is_set(row, x) ? (int32_t)(sqrt(square) * 16) : 0;  // correctly rounded: its floor is exact
  }
}

// Writes the sixteenths of any frame.
PW_BLOCK_CODE void measure_far(const uint64_t* plane, int32_t height, int32_t width, Grid<int32_t> sixteenths,
                               Scratch scratch) {
  const int32_t words = plane_words(width);
  const Grid<uint16_t> column = take_grid<uint16_t>(scratch, height, width);
  uint16_t* at = take<uint16_t>(scratch, (int64_t)height * width);
  uint16_t* from = take<uint16_t>(scratch, (int64_t)height * width);
  measure_columns(plane, height, width, height + width, column);
  PW_EACH(y, height)
    far_row(plane + (int64_t)y * words, row_of(column, y), width, at + (int64_t)y * width, from + (int64_t)y * width,
            row_of(sixteenths, y));
  PW_BARRIER();
}

}  // namespace pw
#endif
