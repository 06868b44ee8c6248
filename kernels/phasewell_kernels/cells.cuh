// cells.cuh: from a label image to its cells: runs of equal label, and the runs of each cell.
//
// A cell is all pixels of one label in one frame: labels may have gaps, be out of raster order, and lie in several
// pieces. Labels present are marked in a bit plane, and the bits before a label's give its cell, so that cells are in
// the order of their labels without a sort. Order within a cell's list of runs is free where a block has many threads:
// only integer sums are taken over it.
// Bytes per frame: labels as label_runs.cuh reads them, if runs are not given; about 20 a run; 1/8 byte for each label
// up to the largest. Runs and cells of 4096 x 4096 px: at most 2^24 each (touching labels part every pixel), edges
// 2^25; columns and rows up to 16,384 fit 16 bits.
#ifndef PHASEWELL_CELLS_CUH
#define PHASEWELL_CELLS_CUH
#include "label_runs.cuh"

namespace pw {

// what list_cells returns instead of a number of cells
constexpr int32_t NEGATIVE_LABEL = -1;
constexpr int32_t LARGE_LABEL = -2;  // above the frame's number of pixels: make labels dense first

struct CellRuns {
  int32_t height;
  Runs runs;         // of equal label, at most one for every pixel
  uint16_t* row;     // (runs)
  int32_t* cell;     // (runs)
  int32_t* below;    // (runs) first run of the next row that does not end left of this run's first column
  int32_t* order;    // (runs) indices of the runs, cell by cell
  int32_t* last;     // (cells) behind the cell's last run in `order`
  int32_t* label;    // (cells)
  uint64_t* present; // (label_words) labels that occur
  int32_t* before;   // (label_words) labels that occur in the words before
};

PW_DEVICE int32_t label_words(int32_t height, int32_t width) { return (int32_t)((int64_t)height * width / 64 + 1); }

constexpr int64_t cell_runs_bytes(int64_t height, int64_t width) {
  return taken_bytes(2 * height * width, sizeof(uint16_t)) + taken_bytes(height + 1, sizeof(int32_t)) +
         taken_bytes(height * width, sizeof(uint16_t)) + 5 * taken_bytes(height * width, sizeof(int32_t)) +
         taken_bytes(height * width / 64 + 1, sizeof(uint64_t)) +
         taken_bytes(height * width / 64 + 1, sizeof(int32_t));
}

PW_DEVICE CellRuns take_cell_runs(Scratch& scratch, int32_t height, int32_t width) {
  const int64_t most = (int64_t)height * width;
  CellRuns taken;
  taken.height = height;
  taken.runs.edges = take<uint16_t>(scratch, 2 * most);
  taken.runs.first = take<int32_t>(scratch, height + 1);
  taken.row = take<uint16_t>(scratch, most);
  taken.cell = take<int32_t>(scratch, most);
  taken.below = take<int32_t>(scratch, most);
  taken.order = take<int32_t>(scratch, most);
  taken.last = take<int32_t>(scratch, most);
  taken.label = take<int32_t>(scratch, most);
  taken.present = take<uint64_t>(scratch, label_words(height, width));
  taken.before = take<int32_t>(scratch, label_words(height, width));
  return taken;
}

// the part of them that find_label_runs fills
PW_DEVICE LabelRuns label_runs(const CellRuns& cells) { return LabelRuns{cells.runs, cells.row, cells.cell}; }

PW_DEVICE int32_t first_of_cell(const CellRuns& cells, int32_t cell) { return cell ? cells.last[cell - 1] : 0; }

// Returns the largest label, or NEGATIVE_LABEL or LARGE_LABEL; the same for the whole block. `found`: 2 words of
// scratch.
PW_DEVICE int32_t find_largest_label(CellRuns cells, int32_t height, int32_t width, int32_t* found) {
  PW_EACH(i, 2) found[i] = 0;
  PW_BARRIER();
  const int32_t count = cells.runs.first[height];
  int32_t least = 0, largest = 0;
  PW_EACH(i, count) {
    least = low(least, cells.cell[i]);
    largest = high(largest, cells.cell[i]);
  }
  atomic_min(found[0], least);
  atomic_max(found[1], largest);
  PW_BARRIER();
  least = found[0];
  largest = found[1];
  PW_BARRIER();
  return least < 0 ? NEGATIVE_LABEL : largest > height * width ? LARGE_LABEL : largest;
}

// Replaces the labels in cells.cell by the cells' numbers in the order of labels; returns how many cells there are.
PW_DEVICE int32_t rank_labels(CellRuns cells, int32_t height, int32_t largest, Scratch fast) {
  const int32_t count = cells.runs.first[height], words = largest / 64 + 1;
  PW_EACH(w, words) cells.present[w] = 0;
  PW_BARRIER();
  PW_EACH(i, count) atomic_or(cells.present[cells.cell[i] / 64], (uint64_t)1 << (cells.cell[i] % 64));
  PW_BARRIER();
  PW_EACH(w, words) cells.before[w] = count_bits(cells.present[w]);
  PW_BARRIER();
  const int32_t found = exclusive_scan(cells.before, words, fast);
  PW_EACH(w, words)
    for (uint64_t bits = cells.present[w], cell = cells.before[w]; bits; bits &= bits - 1, ++cell)
      cells.label[cell] = w * 64 + lowest_bit(bits);
  PW_EACH(i, count) {
    const int32_t label = cells.cell[i];
    const uint64_t smaller = ((uint64_t)1 << (label % 64)) - 1;
    cells.cell[i] = cells.before[label / 64] + count_bits(cells.present[label / 64] & smaller);
  }
  PW_BARRIER();
  return found;
}

// Fills cells.order and cells.last by counting.
PW_DEVICE void group_runs(CellRuns cells, int32_t height, int32_t found, Scratch fast) {
  const int32_t count = cells.runs.first[height];
  PW_EACH(c, found) cells.last[c] = 0;
  PW_BARRIER();
  PW_EACH(i, count) atomic_add(cells.last[cells.cell[i]], 1);
  PW_BARRIER();
  exclusive_scan(cells.last, found, fast);
  PW_EACH(i, count) cells.order[atomic_add(cells.last[cells.cell[i]], 1)] = i;
  PW_BARRIER();
}

// Fills cells.below.
PW_DEVICE void find_runs_below(CellRuns cells, int32_t height) {
  const Runs runs = cells.runs;
  PW_EACH(y, height) {
    const int32_t last = runs.first[y + 1], last_below = y + 1 < height ? runs.first[y + 2] : last;
    int32_t below = last;
    for (int32_t i = runs.first[y]; i < last; ++i) {
      while (below < last_below && end_of(runs, below) < start_of(runs, i)) ++below;
      cells.below[i] = below;
    }
  }
  PW_BARRIER();
}

// Finds the runs of every cell of a label image (height, width), at least 1 x 1, or of the runs in `cells` that are
// there already, where labels is null. Returns how many cells there are, or NEGATIVE_LABEL or LARGE_LABEL, and then
// nothing else is of use. Scratch: SCAN_BYTES.
PW_BLOCK_CODE int32_t list_cells(const int32_t* labels, int32_t height, int32_t width, CellRuns cells, Scratch fast) {
  if (labels) find_label_runs(labels, height, width, label_runs(cells), fast);
  const int32_t largest = find_largest_label(cells, height, width, (int32_t*)fast.at);
  if (largest < 0) return largest;  // the same for the whole block
  const int32_t found = rank_labels(cells, height, largest, fast);
  group_runs(cells, height, found, fast);
  find_runs_below(cells, height);
  return found;
}

}  // namespace pw
#endif
