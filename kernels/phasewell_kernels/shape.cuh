// shape.cuh: a cell's area, bounding box, coordinate sums and neighbour pairs from its runs, in closed form.
//
// A run of n pixels from column l to r in row y adds n pixels, n - 1 pairs along the row, and sums of columns and their
// squares that are polynomials in l and n. Pairs to the next row are the columns that two runs of one cell share, when
// the lower one is moved by -1, 0 or 1. No pixel is read.
// Ranges for cells up to 2^24 px in frames with sides up to 16,384 px: sums of coordinates <= 2^38, of their products
// <= 2^52, pairs <= 2^25; products within a run: l^2 * n < 2^42, 2 n^3 < 2^43.
#ifndef PHASEWELL_SHAPE_CUH
#define PHASEWELL_SHAPE_CUH
#include "cells.cuh"

namespace pw {

constexpr int32_t FARTHEST = 1 << 14;  // px; beyond every row and column

// bottom and right are exclusive
struct Shape {
  int64_t area, sum_row, sum_col, sum_row_row, sum_col_col, sum_row_col, straight_pairs, diagonal_pairs;
  int32_t top, left, bottom, right;
};

PW_DEVICE Shape empty_shape() { return Shape{0, 0, 0, 0, 0, 0, 0, 0, FARTHEST, FARTHEST, 0, 0}; }

PW_DEVICE void add_run(Shape& shape, int32_t y, int32_t start, int32_t end) {
  const int64_t n = end - start, l = start, r = end - 1, row = y;
  const int64_t sum_col = (l + r) * n / 2;
  shape.area += n;
  shape.sum_row += row * n;
  shape.sum_col += sum_col;
  shape.sum_row_row += row * row * n;
  // (l + k)^2 for k = 0 .. n - 1
  shape.sum_col_col += l * l * n + l * n * (n - 1) + (n - 1) * n * (2 * n - 1) / 6;
  shape.sum_row_col += row * sum_col;
  shape.straight_pairs += n - 1;
  shape.top = low(shape.top, y);
  shape.left = low(shape.left, start);
  shape.bottom = high(shape.bottom, y + 1);
  shape.right = high(shape.right, end);
}

// adds the sums of one thread to those of the block
PW_DEVICE void pool_shape(Shape& pooled, const Shape& own) {
  if (own.area == 0) return;
  atomic_add(pooled.area, own.area);
  atomic_add(pooled.sum_row, own.sum_row);
  atomic_add(pooled.sum_col, own.sum_col);
  atomic_add(pooled.sum_row_row, own.sum_row_row);
  atomic_add(pooled.sum_col_col, own.sum_col_col);
  atomic_add(pooled.sum_row_col, own.sum_row_col);
  atomic_add(pooled.straight_pairs, own.straight_pairs);
  atomic_add(pooled.diagonal_pairs, own.diagonal_pairs);
  atomic_min(pooled.top, own.top);
  atomic_min(pooled.left, own.left);
  atomic_max(pooled.bottom, own.bottom);
  atomic_max(pooled.right, own.right);
}

}  // namespace pw
#endif
