// pieces.cuh: the connected pieces of a bit plane's set or clear bits, joined run by run.
//
// Pieces are joined run by run: parent[i] <= i leads from run to run to the first run of the piece in raster order, its
// root. A run is joined with those it touches in the row above; threads join without locks, by the minimum: every value
// that ever stood at parent[i] is joined to i through runs before i, so a lost write loses no connection.
// 2^23 runs at most.
#ifndef PHASEWELL_PIECES_CUH
#define PHASEWELL_PIECES_CUH
#include "runs.cuh"

namespace pw {

enum Connectivity : int32_t { FOUR = 0, EIGHT = 1 };  // columns by which runs of adjacent rows may miss each other

// the first run of i's piece as far as it is joined; chains are halved on the way
PW_DEVICE int32_t find_root(int32_t* parent, int32_t i) {
  int32_t up = load(parent[i]);
  while (up != i) {
    const int32_t next = load(parent[up]);
    if (next == up) return up;
    store(parent[i], next);
    i = next;
    up = load(parent[i]);
  }
  return i;
}

// the same when nobody joins any more: many threads write roots meanwhile, so nothing else may be written
PW_DEVICE int32_t final_root(const int32_t* parent, int32_t i) {
  for (int32_t up = load(parent[i]); up != i; up = load(parent[i])) i = up;
  return i;
}

// joins the pieces of runs a and b
PW_DEVICE void join(int32_t* parent, int32_t a, int32_t b) {
  for (;;) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a == b) return;
    const int32_t later = high(a, b), earlier = low(a, b);
    const int32_t old = atomic_min(parent[later], earlier);
    if (old == later) return;
    a = old;  // somebody was faster: what `later` hangs on now has to be joined as well
    b = earlier;
  }
}

// Joins the runs of row y with those of the row above: both rows are walked together, past the run that ends first, or
// past both where neither reaches the other's successor. That is the rule, so the branch is foreseen; which of two ends
// first is not. At the end of a row, a look at the next run is one at another row's: nothing is left to be missed.
// Returns how many pairs of runs touch.
PW_DEVICE int32_t join_row(const Runs& runs, int32_t y, int32_t reach, int32_t* parent) {
  const int64_t last_above = runs.first[y], last = runs.first[y + 1];  // 64 bit: they index without being widened
  int64_t above = runs.first[y - 1], own = last_above;
  int32_t contacts = 0;
  while (above < last_above && own < last) {
    const int32_t end = end_of(runs, own) + reach, end_above = end_of(runs, above) + reach;
    if (start_of(runs, own) < end_above && start_of(runs, above) < end) {
      ++contacts;
      const int32_t root = find_root(parent, (int32_t)above), old = atomic_min(parent[own], root);
      if (old != own && old != root) join(parent, old, root);
    }
    const int64_t ends_first = end <= end_above;
    const int32_t next = start_of(runs, ends_first ? own + 1 : above + 1);
    if (next >= high(end, end_above)) {
      ++own;
      ++above;
    } else {
      own += ends_first;
      above += 1 - ends_first;
    }
  }
  return contacts;
}

// the pieces of a plane's set or clear bits
struct Pieces {
  Runs runs;
  int32_t* root;   // (runs): the first run of each run's piece
  int32_t* holes;  // (1): in all pieces together, background that touches the frame not counted
  int32_t count;   // of runs
};

constexpr int64_t pieces_bytes(int64_t height, int64_t width) {
  return runs_bytes(height, width) + taken_bytes(height * ((width + 1) / 2), sizeof(int32_t)) +
         taken_bytes(1, sizeof(int32_t)) + SCAN_BYTES;
}

PW_DEVICE Pieces take_pieces(Scratch& scratch, int32_t height, int32_t width) {
  const Runs runs = take_runs(scratch, height, width);
  int32_t* root = take<int32_t>(scratch, most_runs(height, width));
  return Pieces{runs, root, take<int32_t>(scratch, 1), 0};
}

// Finds the roots of found runs, and how many holes there are: joins only ever make a tree of runs, so each contact
// more than a forest of that many runs and roots has closes a ring around a hole. That is Euler's formula.
PW_BLOCK_CODE void join_runs(Pieces pieces, int32_t height, Connectivity connectivity) {
  int32_t* parent = pieces.root;
  PW_EACH(i, pieces.count) parent[i] = i;
  PW_ONCE *pieces.holes = -pieces.count;
  PW_BARRIER();
  int32_t contacts = 0;
  PW_EACH(above, height - 1) contacts += join_row(pieces.runs, above + 1, connectivity, parent);
  PW_BARRIER();
  int32_t roots = 0;
  PW_EACH(i, pieces.count) {
    const int32_t root = final_root(parent, i);
    store(parent[i], root);
    roots += root == i;
  }
  atomic_add(*pieces.holes, contacts + roots);
  PW_BARRIER();
}

PW_DEVICE void find_pieces(Pieces& pieces, const uint64_t* plane, int32_t height, int32_t width, bool background,
                           Scratch scratch) {
  pieces.count = find_runs(plane, height, width, background, pieces.runs, scratch);
  join_runs(pieces, height, background ? FOUR : EIGHT);
}

// area[r] becomes the pixels of root r's piece; 0 at other runs
PW_DEVICE void sum_areas(Pieces pieces, int32_t* area) {
  PW_EACH(i, pieces.count) area[i] = 0;
  PW_BARRIER();
  PW_EACH(i, pieces.count)
    atomic_add(area[pieces.root[i]], end_of(pieces.runs, i) - start_of(pieces.runs, i));
  PW_BARRIER();
}

// inverts bits [start, end) of a row that no other thread touches
PW_DEVICE void flip_bits(uint64_t* row, int32_t start, int32_t end) {
  const int32_t first = start / 64, last = (end - 1) / 64;
  const uint64_t from = ~(uint64_t)0 << (start % 64), to = ~(uint64_t)0 >> (63 - (end - 1) % 64);
  if (first == last) {
    row[first] ^= from & to;
    return;
  }
  row[first] ^= from;
  for (int32_t w = first + 1; w < last; ++w) row[w] = ~row[w];
  row[last] ^= to;
}

// inverts the runs of the pieces with marks[root] in [1, most]
PW_DEVICE void flip_pieces(uint64_t* plane, int32_t height, int32_t width, Pieces pieces, const int32_t* marks,
                           int32_t most) {
  const int32_t words = plane_words(width);
  PW_EACH(y, height) {
    uint64_t* row = plane + (int64_t)y * words;
    const int32_t last = pieces.runs.first[y + 1];
    for (int32_t i = pieces.runs.first[y]; i < last; ++i) {
      const bool marked = (uint32_t)marks[pieces.root[i]] - 1u < (uint32_t)most;
      if (marked) flip_bits(row, start_of(pieces.runs, i), end_of(pieces.runs, i));
    }
  }
  PW_BARRIER();
}

}  // namespace pw
#endif
