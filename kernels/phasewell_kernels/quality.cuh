// quality.cuh: the integer sums of a frame from which its quality numbers are computed.
//
// Sums over rows and columns, pixels at 0 and at 255, squares of the 4-neighbour Laplacian, and for boxes of 1, 2, 4
// and 8 px the squared steps between boxes side by side and one above the other. Rows stream through: a row of boxes is
// built as soon as its last pixel row has been seen, and three rows of every box size are kept.
// Pixels are read from memory once (1 byte each) and a few times from a cache; nothing but the sums is written.
// Ranges: sum of boxes of 8 px at most 255 x 64 = 16,320, so steps fit int16 and their squares 2^28; squares of
// Laplacians and of steps of 2 px boxes at most 1,020^2 < 2^20; all sums over 2^24 px stay below 2^52.
// budget: sum_frames registers<=128 smem<=0
#ifndef PHASEWELL_QUALITY_CUH
#define PHASEWELL_QUALITY_CUH
#include "grid.cuh"
#include "vectors.cuh"

namespace pw {

constexpr int32_t BOX_LEVELS = 4;      // boxes of 1, 2, 4 and 8 px
constexpr int32_t COUNTED_ROWS = 255;  // at a time: counts of a column fit 8 bits, its sum 16

// the integers of a frame, in this order
enum QualityInteger : int32_t { BLACK, SATURATED, CONSTANT, LAPLACIAN, LAPLACIAN_SQUARED, ENERGY };
constexpr int32_t QUALITY_INTEGERS = ENERGY + BOX_LEVELS;

// sum of (to - from)^2; CHUNK squares fit Part
template <typename T, typename Part, int32_t CHUNK>
PW_DEVICE int64_t sum_squared_steps(const T* __restrict__ from, const T* __restrict__ to, int32_t count) {
  int64_t total = 0;
  for (int32_t start = 0; start < count; start += CHUNK) {
    Part sum = 0;
    PW_EACH(i, low(count - start, CHUNK)) {
      const int16_t step = (int16_t)(to[start + i] - from[start + i]);
      sum += (Part)step * step;
    }
    total += sum;
  }
  return total;
}

// energy of one row of boxes, side by side and against the row above it (or null)
template <typename T, typename Part, int32_t CHUNK>
PW_DEVICE int64_t sum_row_energy(const T* above, const T* row, int32_t width) {
  int64_t energy = sum_squared_steps<T, Part, CHUNK>(row, row + 1, width - 1);
  if (above) energy += sum_squared_steps<T, Part, CHUNK>(above, row, width);
  return energy;
}

// squares of the Laplacian inside one row
PW_DEVICE int64_t sum_squared_laplacian(const uint8_t* __restrict__ above, const uint8_t* __restrict__ row,
                                        const uint8_t* __restrict__ below, int32_t width) {
  constexpr int32_t CHUNK = 2048;  // squares below 2^20 fit 31 bits
  int64_t total = 0;
  for (int32_t start = 1; start < width - 1; start += CHUNK) {
    int32_t sum = 0;
    PW_EACH(i, low(width - 1 - start, CHUNK)) {
      const int32_t x = start + i;
      const int16_t laplacian = (int16_t)(4 * row[x] - row[x - 1] - row[x + 1] - above[x] - below[x]);
      sum += laplacian * laplacian;
    }
    total += sum;
  }
  return total;
}

// sums of 2 x 2 boxes of `count` px each way, from two rows
template <typename T>
PW_DEVICE void add_boxes(const T* __restrict__ upper, const T* __restrict__ lower, int32_t count,
                         uint16_t* __restrict__ boxes) {
  PW_EACH(x, count)
    boxes[x] = (uint16_t)(upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]);
}

#ifdef PW_VECTORS
// boxes of pixels, two rows of vectors at a time
PW_DEVICE void add_boxes(const uint8_t* __restrict__ upper, const uint8_t* __restrict__ lower, int32_t count,
                         uint16_t* __restrict__ boxes) {
  int32_t x = 0;
  for (; x + LANES_16 <= count; x += LANES_16)
    write_vector(boxes + x, add_pairs(read_vector<Vector8>(upper + 2 * x)) +
                                add_pairs(read_vector<Vector8>(lower + 2 * x)));
  add_boxes<uint8_t>(upper + 2 * x, lower + 2 * x, count - x, boxes + x);
}

// What one row adds; above and below are its neighbours, in the frame.
struct RowSums {
  int64_t energy = 0, squares = 0, blacks = 0, saturateds = 0;
};

// All that the other functions say of a row, its pixels read once as bytes and once with their neighbours: steps to the
// left and up, Laplacians and column sums. Per lane, squares of 1,024 vectors of pairs are below 2^31.
PW_DEVICE RowSums sum_row(const uint8_t* __restrict__ above, const uint8_t* __restrict__ row,
                          const uint8_t* __restrict__ below, int32_t width, uint16_t* __restrict__ columns) {
  RowSums sums;
  int32_t x = 0;
  for (; x + LANES_8 <= width; x += LANES_8) {
    const Vector8 pixels = read_vector<Vector8>(row + x);
    sums.blacks += __builtin_popcountll(bits_above(fill((uint8_t)1), pixels));
    sums.saturateds += __builtin_popcountll(bits_above(pixels, fill((uint8_t)254)));
  }
  for (; x < width; ++x) {
    sums.blacks += row[x] == 0;
    sums.saturateds += row[x] == 255;
  }
  Vector32 steps{}, squares{};
  int32_t end = 1;  // of what the vectors have done
  for (; end + LANES_16 < width; end += LANES_16) {
    const Vector16 pixels = widen(row + end), left = widen(row + end - 1), up = widen(above + end);
    steps += square_pairs(pixels - left) + square_pairs(pixels - up);
    squares += square_pairs((uint16_t)4 * pixels - left - widen(row + end + 1) - up - widen(below + end));
    write_vector(columns + end, read_vector<Vector16>(columns + end) + pixels);
  }
  const int32_t rest = width - end;
  sums.energy = add_lanes(steps) + sum_squared_steps<uint8_t, int32_t, 16384>(row + end - 1, row + end, rest) +
                sum_squared_steps<uint8_t, int32_t, 16384>(above + end, row + end, rest) +
                (row[0] - above[0]) * (row[0] - above[0]);
  sums.squares = add_lanes(squares) + sum_squared_laplacian(above + end - 1, row + end - 1, below + end - 1, rest + 1);
  columns[0] = (uint16_t)(columns[0] + row[0]);
  for (x = end; x < width; ++x) columns[x] = (uint16_t)(columns[x] + row[x]);
  return sums;
}
#endif

PW_DEVICE uint32_t sum_pixels(const uint8_t* __restrict__ row, int32_t width) {
  uint32_t sum = 0;  // below 2^22
  int32_t x = 0;
#ifdef PW_VECTORS
  Vector32 eights{};
  for (; x + LANES_8 <= width; x += LANES_8) eights += add_eights(read_vector<Vector8>(row + x));
  sum = (uint32_t)add_lanes(eights);
#endif
  for (; x < width; ++x) sum += row[x];
  return sum;
}

// one more row in the sums and counts of every column
PW_DEVICE void count_row(const uint8_t* __restrict__ row, int32_t width, uint16_t* __restrict__ sums,
                         uint8_t* __restrict__ black, uint8_t* __restrict__ saturated) {
  PW_EACH(x, width) {
    sums[x] = (uint16_t)(sums[x] + row[x]);
    black[x] = (uint8_t)(black[x] + (row[x] == 0));
    saturated[x] = (uint8_t)(saturated[x] + (row[x] == 255));
  }
}

// What sum_frame keeps of the rows that have passed.
struct BoxRows {
  uint16_t* rows[BOX_LEVELS];  // (3, width >> level) for levels 1..3; row y of a level is at y % 3
  int64_t energy[BOX_LEVELS];  // of this thread
};

// energy of a row of boxes of `level`, in the widest chunks whose squares fit
PW_DEVICE int64_t sum_box_energy(int32_t level, const uint16_t* above, const uint16_t* row, int32_t width) {
  if (level == 1) return sum_row_energy<uint16_t, int32_t, 2048>(above, row, width);
  if (level == 2) return sum_row_energy<uint16_t, int32_t, 128>(above, row, width);
  return sum_row_energy<uint16_t, int64_t, 16384>(above, row, width);
}

// rows 2 y and 2 y + 1 of finer boxes (or pixels), each of `finer` boxes, have been seen: builds row y of `level`, and
// coarser ones that end there. Three rows are kept, so that one barrier between building and reading is enough.
template <int32_t LEVEL, typename T>
PW_DEVICE void end_boxes(const T* upper, const T* lower, int32_t y, int32_t finer, BoxRows& boxes) {
  const int32_t count = finer / 2;
  uint16_t* rows = boxes.rows[LEVEL];
  uint16_t* built = rows + (int64_t)(y % 3) * count;
  const uint16_t* above = rows + (int64_t)((y + 2) % 3) * count;
  add_boxes(upper, lower, count, built);
  PW_BARRIER();
  boxes.energy[LEVEL] += sum_box_energy(LEVEL, y ? above : nullptr, built, count);
  if constexpr (LEVEL + 1 < BOX_LEVELS)
    if (y % 2) end_boxes<LEVEL + 1, uint16_t>(above, built, y / 2, count, boxes);
}

// sum of (4 v - left - right - up - down) over the pixels that have all four: inner sums of rows and columns cancel
PW_DEVICE int64_t sum_laplacian(const uint8_t* pixels, int32_t height, int32_t width, const uint32_t* rows,
                                const uint32_t* columns) {
  if (height < 3 || width < 3) return 0;
  const int32_t end_y[4] = {0, 1, height - 2, height - 1}, end_x[4] = {0, 1, width - 2, width - 1};
  int64_t sum = 0;
  for (int32_t i = 0; i < 4; ++i) {
    const uint8_t* row = pixels + (int64_t)end_y[i] * width;
    const uint8_t* column = pixels + end_x[i];
    const int64_t inner_row = (int64_t)rows[end_y[i]] - row[0] - row[width - 1];
    const int64_t inner_column = (int64_t)columns[end_x[i]] - column[0] - column[(int64_t)(height - 1) * width];
    sum += i == 1 || i == 2 ? inner_row + inner_column : -inner_row - inner_column;
  }
  return sum;
}

constexpr int64_t sum_frame_bytes(int64_t width) {
  // sums and two counts of every column, then three rows of boxes of 2, 4 and 8 px
  return taken_bytes(width, 2) + 2 * taken_bytes(width, 1) + taken_bytes(3 * (width / 2), 2) +
         taken_bytes(3 * (width / 4), 2) + taken_bytes(3 * (width / 8), 2);
}

// integers (QUALITY_INTEGERS), rows (height) and columns (width) of pixels (height, width).
// fast: sum_frame_bytes(width)
PW_BLOCK_CODE void sum_frame(const uint8_t* pixels, int32_t height, int32_t width, int64_t* integers, uint32_t* rows,
                             uint32_t* columns, Scratch fast) {
  uint16_t* sums = take<uint16_t>(fast, width);
  uint8_t* black = take<uint8_t>(fast, width);
  uint8_t* saturated = take<uint8_t>(fast, width);
  BoxRows boxes;
  for (int32_t level = 0; level < BOX_LEVELS; ++level) {
    boxes.rows[level] = take<uint16_t>(fast, level ? 3 * (width >> level) : 0);
    boxes.energy[level] = 0;
  }
  PW_EACH(i, QUALITY_INTEGERS) integers[i] = 0;
  PW_EACH(x, width) columns[x] = 0;
  PW_EACH(y, height) rows[y] = sum_pixels(pixels + (int64_t)y * width, width);
  PW_BARRIER();
  int64_t squares = 0, blacks = 0, saturateds = 0;
  for (int32_t top = 0; top < height; top += COUNTED_ROWS) {
    PW_EACH(x, width) {
      sums[x] = 0;
      black[x] = saturated[x] = 0;
    }
    const int32_t bottom = low(top + COUNTED_ROWS, height);
    for (int32_t y = top; y < bottom; ++y) {
      const uint8_t* row = pixels + (int64_t)y * width;
#ifdef PW_VECTORS
      if (y > 0 && y < height - 1 && width) {
        const RowSums of_row = sum_row(row - width, row, row + width, width, sums);
        boxes.energy[0] += of_row.energy;
        squares += of_row.squares;
        blacks += of_row.blacks;
        saturateds += of_row.saturateds;
      } else
#endif
      {
        count_row(row, width, sums, black, saturated);
        boxes.energy[0] += sum_row_energy<uint8_t, int32_t, 16384>(y ? row - width : nullptr, row, width);
        if (y > 0 && y < height - 1) squares += sum_squared_laplacian(row - width, row, row + width, width);
      }
      if (y % 2) end_boxes<1, uint8_t>(row - width, row, y / 2, width, boxes);
    }
    PW_EACH(x, width) {
      columns[x] += sums[x];
      blacks += black[x];
      saturateds += saturated[x];
    }
  }
  atomic_add(integers[BLACK], blacks);
  atomic_add(integers[SATURATED], saturateds);
  atomic_add(integers[LAPLACIAN_SQUARED], squares);
  for (int32_t level = 0; level < BOX_LEVELS; ++level) atomic_add(integers[ENERGY + level], boxes.energy[level]);
  PW_BARRIER();
  PW_ONCE {
    integers[LAPLACIAN] = sum_laplacian(pixels, height, width, rows, columns);
    integers[CONSTANT] = integers[ENERGY] == 0;  // no step anywhere
  }
  PW_BARRIER();
}

}  // namespace pw

#ifdef PW_CUDA
// grid: one block per frame; integers (frames, QUALITY_INTEGERS), rows (frames, height), columns (frames, width);
// scratch: sum_frame_bytes(width) of shared or global memory
PW_KERNEL __launch_bounds__(512, 1) sum_frames(const uint8_t* pixels, int32_t height, int32_t width, int64_t* integers,
                                            uint32_t* rows, uint32_t* columns, char* fast, int64_t fast_stride) {
  const int64_t frame = blockIdx.x;
  pw::sum_frame(pixels + frame * height * width, height, width, integers + frame * pw::QUALITY_INTEGERS,
                rows + frame * height, columns + frame * width, pw::block_scratch(fast, fast_stride));
}
#endif
#endif
