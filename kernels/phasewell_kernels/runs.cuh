// runs.cuh: the runs of a bit plane: its rows cut into pieces of set (or of clear) bits, in raster order.
//
// Two passes over the rows: count the runs, scan the counts, write the edges (start, end, start, end, ...) of each row
// behind those of the rows before it. A block of one thread sees the rows in order and needs no counting.
// Bytes per frame: plane h * w / 8, read twice (once by one thread); edges 4 a run, first 4 a row, written once.
// 4096 x 4096 px hold at most 4096 * 2048 = 2^23 runs, their edges 2^24; columns up to 16,384 fit 16 bits.
#ifndef PHASEWELL_RUNS_CUH
#define PHASEWELL_RUNS_CUH
#include "plane.cuh"

namespace pw {

constexpr int32_t UNASKED_EDGES = 6;  // written for a word without asking how many it has

// run i covers columns [start_of(runs, i), end_of(runs, i)); the runs of row y are [first[y], first[y + 1])
struct Runs {
  uint16_t* edges;  // (2 * runs + UNASKED_EDGES), the last ones undefined
  int32_t* first;   // (height + 1); first[height] is the number of all
};

PW_DEVICE int32_t start_of(const Runs& runs, int64_t i) { return runs.edges[2 * i]; }
PW_DEVICE int32_t end_of(const Runs& runs, int64_t i) { return runs.edges[2 * i + 1]; }

// the most runs that a frame can have: every second pixel of each row
PW_DEVICE int64_t most_runs(int32_t height, int32_t width) { return (int64_t)height * ((width + 1) / 2); }

// what take_runs takes
constexpr int64_t runs_bytes(int64_t height, int64_t width) {
  return taken_bytes(height * ((width + 1) / 2) * 2 + UNASKED_EDGES, sizeof(uint16_t)) +
         taken_bytes(height + 1, sizeof(int32_t));
}

PW_DEVICE Runs take_runs(Scratch& scratch, int32_t height, int32_t width) {
  uint16_t* edges = take<uint16_t>(scratch, most_runs(height, width) * 2 + UNASKED_EDGES);
  return Runs{edges, take<int32_t>(scratch, height + 1)};
}

// word w of a row, or of its complement
PW_DEVICE uint64_t word_of(const uint64_t* row, int32_t w, int32_t words, int32_t width, bool background) {
  return background ? inverted(row, w, words, width) : row[w];
}

PW_DEVICE int32_t count_row_runs(const uint64_t* row, int32_t width, bool background) {
  const int32_t words = plane_words(width);
  uint64_t before = 0;
  int32_t count = 0;
  for (int32_t w = 0; w < words; ++w) {
    const uint64_t word = word_of(row, w, words, width, background);
    count += count_bits(word & ~(word << 1 | before));
    before = word >> 63;
  }
  return count;
}

// Returns the number of edges. `in_order`: what lies behind them may be overwritten. Most words hold no more than a few
// edges, and how many is hard to foresee: those are then written without asking.
PW_DEVICE int32_t write_row_edges(const uint64_t* __restrict__ row, int32_t width, bool background, bool in_order,
                                  uint16_t* __restrict__ edges) {
  const int32_t words = plane_words(width);
  const uint64_t last_bit = (uint64_t)1 << 63;  // there is always a lowest bit
  uint64_t before = 0;
  uint16_t* next = edges;
  for (int32_t w = 0; w < words; ++w) {
    const uint64_t word = word_of(row, w, words, width, background);
    uint64_t changes = word ^ (word << 1 | before);  // from the column on the left
    before = word >> 63;
    if (!changes) continue;
    uint16_t* at = next;
    next += count_bits(changes);
    if (in_order)
      for (int32_t i = 0; i < UNASKED_EDGES; ++i, changes &= changes - 1)
        *at++ = (uint16_t)(w * 64 + lowest_bit(changes | last_bit));
    for (; changes; changes &= changes - 1) *at++ = (uint16_t)(w * 64 + lowest_bit(changes));
  }
  if (before) *next++ = (uint16_t)width;  // a run up to the last bit of the last word
  return (int32_t)(next - edges);
}

// Finds the runs of the plane's set bits, or of its clear bits within the width, and returns how many there are.
// Scratch: SCAN_BYTES.
PW_BLOCK_CODE int32_t find_runs(const uint64_t* plane, int32_t height, int32_t width, bool background, Runs runs,
                                Scratch fast) {
  const int32_t words = plane_words(width);
  if (PW_THREADS > 1) {
    PW_EACH(y, height) runs.first[y] = count_row_runs(plane + (int64_t)y * words, width, background);
    PW_BARRIER();
    exclusive_scan(runs.first, height, fast);
  }
  int32_t next = 0;  // one thread: behind the row before
  PW_EACH(y, height) {
    const int32_t first = PW_THREADS > 1 ? runs.first[y] : next;
    uint16_t* edges = runs.edges + 2 * (int64_t)first;
    next = first + write_row_edges(plane + (int64_t)y * words, width, background, PW_THREADS == 1, edges) / 2;
    runs.first[y] = first;
    if (y == height - 1) runs.first[height] = next;
  }
  if (height == 0) PW_ONCE runs.first[0] = 0;
  PW_BARRIER();
  const int32_t count = runs.first[height];
  return count;
}

}  // namespace pw
#endif
