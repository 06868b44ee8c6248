// measure.cuh: the exact integers of every cell of a frame: one row of int64 per cell, from its runs and the grey
// frame.
//
// Cell by cell, so that the table of level pairs stays close: for each run its shape and the pairs along it, for each
// run of the same cell below it the columns they share straight and diagonally, which are pairs too. Only grey values
// inside cells are read: about 8 bytes a cell pixel, 49 * 8 bytes a cell are written.
// On a GPU one block lists the cells of a frame, then many blocks measure them (blockIdx.y = part of the frame's
// cells): a block works on one cell at a time with a thread per run, so that 32 or 64 threads are best.
// budget: list_cells registers<=64 smem<=0
// budget: place_cells registers<=32 smem<=0
// budget: measure_cells registers<=96 smem<=0
#ifndef PHASEWELL_MEASURE_CUH
#define PHASEWELL_MEASURE_CUH
#include "cooccurrence.cuh"
#include "shape.cuh"

namespace pw {

// columns of a row, in the order of the engine's CellIntegers
enum CellColumn : int32_t {
  CELL_FRAME, CELL_LABEL, CELL_TOP, CELL_LEFT, CELL_BOTTOM, CELL_RIGHT, CELL_AREA, CELL_SUM_ROW, CELL_SUM_COL,
  CELL_SUM_ROW_ROW, CELL_SUM_COL_COL, CELL_SUM_ROW_COL, CELL_STRAIGHT_PAIRS, CELL_DIAGONAL_PAIRS, CELL_DIFFERENCES,
  CELL_SUM_LEVEL = CELL_DIFFERENCES + PAIR_LEVELS, CELL_SUM_LEVEL_LEVEL, CELL_SUM_COUNT_COUNT, CELL_COLUMNS,
};

struct CellSums {
  Shape shape;
  LevelSums levels;
};

constexpr int64_t MEASURE_BYTES = LEVEL_PAIRS_BYTES + taken_bytes(1, sizeof(CellSums));
constexpr int64_t LIST_BYTES = SCAN_BYTES;

// Counts the pairs of a run with columns [left, right) of the next row, which hold a run of the same cell.
PW_DEVICE void count_pairs_below(LevelPairs& pairs, Shape& shape, const uint8_t* grey, int32_t width, int32_t start,
                                 int32_t end, int32_t left, int32_t right) {
  const uint8_t* next = grey + width;
  const int32_t from = high(start, left), from_left = high(start, left + 1), from_right = high(start, left - 1);
  const int32_t straight = high(low(end, right) - from, 0);
  const int32_t to_left = high(low(end, right + 1) - from_left, 0);
  const int32_t to_right = high(low(end, right - 1) - from_right, 0);
  shape.straight_pairs += straight;
  shape.diagonal_pairs += to_left + to_right;
  count_level_pairs(pairs, grey + from, next + from, straight);
  count_level_pairs(pairs, grey + from_left, next + from_left - 1, to_left);
  count_level_pairs(pairs, grey + from_right, next + from_right + 1, to_right);
}

// Adds run i of a cell to its shape and its pairs, for this thread.
PW_DEVICE void measure_run(const uint8_t* grey, int32_t width, const CellRuns& cells, int32_t i, LevelPairs& pairs,
                           Shape& shape) {
  const Runs runs = cells.runs;
  const int32_t y = cells.row[i], start = start_of(runs, i), end = end_of(runs, i), cell = cells.cell[i];
  const uint8_t* row = grey + (int64_t)y * width;
  add_run(shape, y, start, end);
  count_level_pairs(pairs, row + start, row + start + 1, end - start - 1);
  const int32_t height = cells.height, last = y + 1 < height ? runs.first[y + 2] : 0;
  for (int32_t j = cells.below[i]; j < last && start_of(runs, j) <= end; ++j)
    if (cells.cell[j] == cell)
      count_pairs_below(pairs, shape, row, width, start, end, start_of(runs, j), end_of(runs, j));
}

#ifdef PW_LEVEL_CODES
// Asks for the grey values of a cell, so that they are there when it is measured: its rows lie far apart, and each
// would be waited for. Inlined by force: compilers drop calls of functions that do nothing but this.
__attribute__((always_inline)) PW_DEVICE void fetch_cell(const uint8_t* grey, int32_t width, const CellRuns& cells,
                                                         int32_t cell) {
  for (int32_t k = first_of_cell(cells, cell); k < cells.last[cell]; ++k) {
    const int32_t i = cells.order[k];
    const uint8_t* row = grey + (int64_t)cells.row[i] * width;
    __builtin_prefetch(row + start_of(cells.runs, i));
    __builtin_prefetch(row + end_of(cells.runs, i) - 1);
  }
}
#endif

PW_DEVICE void write_shape(const Shape& shape, int64_t frame, int32_t label, int64_t* row) {
  row[CELL_FRAME] = frame;
  row[CELL_LABEL] = label;
  row[CELL_TOP] = shape.top;
  row[CELL_LEFT] = shape.left;
  row[CELL_BOTTOM] = shape.bottom;
  row[CELL_RIGHT] = shape.right;
  row[CELL_AREA] = shape.area;
  row[CELL_SUM_ROW] = shape.sum_row;
  row[CELL_SUM_COL] = shape.sum_col;
  row[CELL_SUM_ROW_ROW] = shape.sum_row_row;
  row[CELL_SUM_COL_COL] = shape.sum_col_col;
  row[CELL_SUM_ROW_COL] = shape.sum_row_col;
  row[CELL_STRAIGHT_PAIRS] = shape.straight_pairs;
  row[CELL_DIAGONAL_PAIRS] = shape.diagonal_pairs;
}

// Measures one cell into `row` (CELL_COLUMNS). `sums` is empty before and after, for the whole block.
PW_DEVICE void measure_cell(const uint8_t* grey, int32_t width, const CellRuns& cells, int32_t cell, int64_t frame,
                            LevelPairs& pairs, CellSums* sums, int64_t* row) {
  const int32_t first = first_of_cell(cells, cell);
  Shape shape = empty_shape();
  PW_EACH(k, cells.last[cell] - first)
    measure_run(grey, width, cells, cells.order[first + k], pairs, shape);
  finish_level_pairs(pairs);
  pool_shape(sums->shape, shape);
  PW_BARRIER();
  LevelSums levels{0, 0, 0};
  PW_EACH(d, PAIR_LEVELS)
    row[CELL_DIFFERENCES + d] =
        has_difference(pairs, d) ? reduce_difference(pairs.table + d * PAIR_LEVELS, d, levels) : 0;
  clear_differences(pairs);
  atomic_add(sums->levels.level, levels.level);
  atomic_add(sums->levels.level_level, levels.level_level);
  atomic_add(sums->levels.count_count, levels.count_count);
  PW_BARRIER();
  PW_ONCE {
    write_shape(sums->shape, frame, cells.label[cell], row);
    row[CELL_SUM_LEVEL] = sums->levels.level;
    row[CELL_SUM_LEVEL_LEVEL] = sums->levels.level_level;
    row[CELL_SUM_COUNT_COUNT] = sums->levels.count_count;
    *sums = CellSums{empty_shape(), LevelSums{0, 0, 0}};
  }
  PW_BARRIER();
}

// Measures cells part, part + parts, ... of a frame into rows (cells, CELL_COLUMNS), row 0 = the frame's first cell.
// `frame` is the number written into them. Scratch: MEASURE_BYTES.
PW_BLOCK_CODE void measure_cells(const uint8_t* grey, int32_t width, CellRuns cells, int32_t count, int64_t frame,
                                 int32_t part, int32_t parts, int64_t* rows, Scratch fast) {
  CellSums* sums = take<CellSums>(fast, 1);
  LevelPairs pairs = take_level_pairs(fast);
  PW_ONCE *sums = CellSums{empty_shape(), LevelSums{0, 0, 0}};
  PW_BARRIER();
  for (int32_t cell = part; cell < count; cell += parts) {
#ifdef PW_LEVEL_CODES
    if (cell + 2 * parts < count) fetch_cell(grey, width, cells, cell + 2 * parts);
#endif
    measure_cell(grey, width, cells, cell, frame, pairs, sums, rows + (int64_t)cell * CELL_COLUMNS);
  }
}

}  // namespace pw

#ifdef PW_CUDA
// One block per frame. labels: (frames, height, width); counts: (frames), cells or a fault; arena: (frames, stride) of
// cell_runs_bytes, kept for measure_cells; dynamic shared memory: LIST_BYTES.
PW_KERNEL __launch_bounds__(512, 2) list_cells(const int32_t* labels, int32_t height, int32_t width, int32_t* counts,
                                               char* arena, int64_t stride) {
  const int64_t f = blockIdx.x;
  pw::Scratch frame = pw::block_scratch(arena, stride), fast = pw::block_scratch(nullptr, 0);
  const pw::CellRuns cells = pw::take_cell_runs(frame, height, width);
  const int32_t count = pw::list_cells(labels + f * height * width, height, width, cells, fast);
  PW_ONCE counts[f] = count;
}

// One block. counts: (frames), as list_cells leaves them; offsets: (frames) rows before each frame's.
PW_KERNEL __launch_bounds__(512, 2) place_cells(const int32_t* counts, int32_t frames, int64_t* offsets) {
  PW_ONCE {
    int64_t before = 0;
    for (int32_t f = 0; f < frames; ++f) {
      offsets[f] = before;
      before += pw::high(counts[f], 0);
    }
  }
}

// Blocks (frames, parts). offsets: (frames) rows before each frame's; rows: (most, CELL_COLUMNS): a frame whose cells
// do not all fit is left out. Frames are numbered from first_frame. Dynamic shared memory: MEASURE_BYTES.
PW_KERNEL __launch_bounds__(512, 1) measure_cells(const uint8_t* grey, int32_t height, int32_t width,
                                                  const int32_t* counts, const int64_t* offsets, int64_t first_frame,
                                                  int64_t* rows, int64_t most, char* arena, int64_t stride) {
  const int64_t f = blockIdx.x;
  pw::Scratch frame = pw::block_scratch(arena, stride), fast = pw::block_scratch(nullptr, 0);
  const pw::CellRuns cells = pw::take_cell_runs(frame, height, width);
  const int32_t count = offsets[f] + counts[f] > most ? 0 : counts[f];  // a fault is negative: nothing to do
  pw::measure_cells(grey + f * height * width, width, cells, count, first_frame + f, (int32_t)blockIdx.y,
                    (int32_t)gridDim.y, rows + offsets[f] * pw::CELL_COLUMNS, fast);
}
#endif
#endif
