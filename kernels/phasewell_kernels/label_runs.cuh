// label_runs.cuh: runs of equal label in the rows of a label image.
//
// A run ends where a label differs from its left neighbour. Where the pixels that may have a label are known as a
// plane, only those are read.
// Bytes per frame: labels 4 * h * w (with a plane, its pixels only), read once by one thread, twice by many; 10 a run.
// Touching labels may part every pixel: 4096 x 4096 px hold at most 2^24 runs, 2^25 edges.
#ifndef PHASEWELL_LABEL_RUNS_CUH
#define PHASEWELL_LABEL_RUNS_CUH
#include "runs.cuh"
#include "vectors.cuh"

namespace pw {

// all in raster order; a frame may have as many as pixels
struct LabelRuns {
  Runs runs;
  uint16_t* row;   // (runs)
  int32_t* label;  // (runs), not 0; null: no runs are wanted
};

// columns of word w that belong to the labels: those of the plane or, without one, all within the width
PW_DEVICE uint64_t labelled_columns(const uint64_t* plane_row, int32_t w, int32_t words, int32_t width) {
  return plane_row ? plane_row[w] : w == words - 1 ? last_word_mask(width) : ~(uint64_t)0;
}

// Bit i: label w * 64 + i differs from the one on its left. Labels count inside only; `before`, the bits of the word on
// the left. The frame is surrounded by background.
PW_DEVICE uint64_t label_changes(const int32_t* row, uint64_t inside, uint64_t before, int32_t w) {
  const uint64_t left_inside = inside << 1 | before >> 63;
  if (!(inside | left_inside)) return 0;
  uint64_t changes = 0;
#ifdef PW_VECTORS
  for (int32_t i = 0; i < 64; i += LANES_32) {
    const int32_t* at = row + w * 64 + i;
    changes |= bits_unequal(read_lanes(at, inside >> i), read_lanes(at - 1, left_inside >> i)) << i;
  }
#else
  if (inside == ~(uint64_t)0) {  // one label most often: found without branches
    int32_t left = left_inside & 1 ? row[w * 64 - 1] : 0, differs = row[w * 64] ^ left;
    for (int32_t i = 1; i < 64; ++i) differs |= row[w * 64 + i] ^ row[w * 64 + i - 1];
    for (int32_t i = 0; i < 64 && differs; ++i) {
      changes |= (uint64_t)(row[w * 64 + i] != left) << i;
      left = row[w * 64 + i];
    }
    return changes;
  }
  for (uint64_t bits = inside | left_inside; bits; bits &= bits - 1) {
    const int32_t i = lowest_bit(bits), x = w * 64 + i;
    const int32_t label = inside >> i & 1 ? row[x] : 0, left = left_inside >> i & 1 ? row[x - 1] : 0;
    changes |= (uint64_t)(label != left) << i;
  }
#endif
  return changes;
}

// visit(x, label) for every column where a row's label differs from the one on its left
template <typename Visit>
PW_DEVICE void visit_changes(const int32_t* row, const uint64_t* plane_row, int32_t width, Visit visit) {
  const int32_t words = plane_words(width);
  uint64_t before = 0;
  for (int32_t w = 0; w < words; ++w) {
    const uint64_t inside = labelled_columns(plane_row, w, words, width);
    uint64_t changes = label_changes(row, inside, before, w);
    if (w == words - 1) changes &= last_word_mask(width);
    for (; changes; changes &= changes - 1) {
      const int32_t i = lowest_bit(changes);
      visit(w * 64 + i, inside >> i & 1 ? row[w * 64 + i] : 0);
    }
    before = inside;
  }
}

// Writes the edges and labels of a row's runs; returns how many runs. `in_order`: what lies behind them may be
// overwritten, so that whether a run ends or starts at a change, or both, need not be foreseen.
PW_DEVICE int32_t write_label_runs(const int32_t* __restrict__ row, const uint64_t* plane_row, int32_t width,
                                   bool in_order, uint16_t* __restrict__ edges, int32_t* __restrict__ labels) {
  int32_t edge = 0, before = 0;
  visit_changes(row, plane_row, width, [&](int32_t x, int32_t label) {
    if (in_order || before) edges[edge] = (uint16_t)x;
    edge += before != 0;
    before = label;
    if (!in_order && !label) return;
    labels[edge / 2] = label;
    edges[edge] = (uint16_t)x;
    edge += label != 0;
  });
  if (before) edges[edge++] = (uint16_t)width;
  return edge / 2;
}

// Appends the runs of row y behind `first` others; returns how many there are then.
PW_DEVICE int32_t add_label_row(const int32_t* row, const uint64_t* plane_row, int32_t y, int32_t height, int32_t width,
                                int32_t first, LabelRuns found) {
  const int32_t next = first + write_label_runs(row, plane_row, width, PW_THREADS == 1,
                                                found.runs.edges + 2 * (int64_t)first, found.label + first);
  found.runs.first[y] = first;
  for (int32_t i = first; i < next; ++i) found.row[i] = (uint16_t)y;
  if (y == height - 1) found.runs.first[height] = next;
  return next;
}

// Finds the runs of a label image (height, width). Scratch: SCAN_BYTES.
PW_DEVICE void find_label_runs(const int32_t* labels, int32_t height, int32_t width, LabelRuns found, Scratch fast) {
  const Runs runs = found.runs;
  if (PW_THREADS > 1) {
    PW_EACH(y, height) {
      int32_t count = 0;
      visit_changes(labels + (int64_t)y * width, nullptr, width, [&](int32_t, int32_t label) { count += label != 0; });
      runs.first[y] = count;
    }
    PW_BARRIER();
    exclusive_scan(runs.first, height, fast);
  }
  int32_t next = 0;  // one thread: behind the row before
  PW_EACH(y, height) {
    const int32_t first = PW_THREADS > 1 ? runs.first[y] : next;
    next = add_label_row(labels + (int64_t)y * width, nullptr, y, height, width, first, found);
  }
  PW_BARRIER();
}

}  // namespace pw
#endif
