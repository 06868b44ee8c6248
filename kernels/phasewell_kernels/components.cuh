// components.cuh: connected pieces of a bit plane: small ones, holes, walls of the vessel, labels (steps 4, 6, 7, 8).
//
// Only rows in which something changes are written.
//
// Bytes per frame: plane h * w / 8, read once or twice and hardly written; a run costs 4 (edges) + 4 (parent) + 4 (area
// or number), each written and read about twice; labels 4 * h * w, written once, and again in cache where pieces are.
// 2^23 runs at most; areas and labels up to 2^24.
//
// budget: remove_small registers<=64 smem<=0
// budget: fill_holes registers<=64 smem<=0
// budget: remove_walls registers<=64 smem<=0
// budget: label_pieces registers<=64 smem<=0
#ifndef PHASEWELL_COMPONENTS_CUH
#define PHASEWELL_COMPONENTS_CUH
#include "label_runs.cuh"
#include "pieces.cuh"

namespace pw {

constexpr int64_t remove_small_bytes(int64_t height, int64_t width) {
  return pieces_bytes(height, width) + taken_bytes(height * ((width + 1) / 2) + 4, sizeof(int32_t));
}
constexpr int64_t fill_holes_bytes(int64_t height, int64_t width) { return remove_small_bytes(height, width); }
constexpr int64_t clean_objects_bytes(int64_t height, int64_t width) { return remove_small_bytes(height, width); }
constexpr int64_t remove_walls_bytes(int64_t height, int64_t width) { return remove_small_bytes(height, width); }
constexpr int64_t label_pieces_bytes(int64_t height, int64_t width) { return remove_small_bytes(height, width); }

// returns the holes that the objects had before the small ones were cleared
PW_BLOCK_CODE int32_t clear_small(uint64_t* plane, int32_t height, int32_t width, int32_t least_area, Scratch frame) {
  Pieces pieces = take_pieces(frame, height, width);
  int32_t* area = take<int32_t>(frame, most_runs(height, width));
  find_pieces(pieces, plane, height, width, false, frame);
  const int32_t holes = *pieces.holes;
  sum_areas(pieces, area);
  flip_pieces(plane, height, width, pieces, area, least_area - 1);
  return holes;
}

// Clears the 8-connected objects below `least_area` pixels.
PW_DEVICE void remove_small(uint64_t* plane, int32_t height, int32_t width, int32_t least_area, Scratch frame) {
  if (least_area > 1) clear_small(plane, height, width, least_area, frame);
}

// marks[r] becomes `mark` for the pieces that touch the frame
PW_DEVICE void mark_touching(Pieces pieces, int32_t height, int32_t width, int32_t mark, int32_t* marks) {
  PW_EACH(y, height) {
    const int32_t first = pieces.runs.first[y], last = pieces.runs.first[y + 1];
    if (y == 0 || y == height - 1) {
      for (int32_t i = first; i < last; ++i) store(marks[pieces.root[i]], mark);
    } else if (first < last) {  // of the other rows, the outermost runs may
      if (start_of(pieces.runs, first) == 0) store(marks[pieces.root[first]], mark);
      if (end_of(pieces.runs, last - 1) == width) store(marks[pieces.root[last - 1]], mark);
    }
  }
  PW_BARRIER();
}

// Sets the 4-connected holes of up to `largest_area` pixels; background that touches the frame is no hole.
PW_BLOCK_CODE void fill_holes(uint64_t* plane, int32_t height, int32_t width, int32_t largest_area, Scratch frame) {
  if (largest_area <= 0) return;
  Pieces pieces = take_pieces(frame, height, width);
  int32_t* area = take<int32_t>(frame, most_runs(height, width));
  find_pieces(pieces, plane, height, width, true, frame);
  sum_areas(pieces, area);
  mark_touching(pieces, height, width, 0, area);  // an area that no hole has
  flip_pieces(plane, height, width, pieces, area, largest_area);
}

// remove_small, then fill_holes: objects without a hole, the rule after erosion, need not be searched for one.
PW_DEVICE void clean_objects(uint64_t* plane, int32_t height, int32_t width, int32_t least_area, int32_t largest_area,
                             Scratch frame) {
  if (least_area <= 1 || clear_small(plane, height, width, least_area, frame))
    fill_holes(plane, height, width, largest_area, frame);
}

// Flags of a piece, for walls: which sides of the frame it touches, and whether it leaves a band along a side.
enum Reach : uint32_t {
  TOUCHES_TOP = 1, TOUCHES_BOTTOM = 2, TOUCHES_LEFT = 4, TOUCHES_RIGHT = 8,
  LEAVES_TOP = 16, LEAVES_BOTTOM = 32, LEAVES_LEFT = 64, LEAVES_RIGHT = 128,
};

// height and width of the bands along the sides in which a wall lies; 0: none
PW_DEVICE int32_t wall_band(int32_t depth, int32_t side) { return low(depth, side / 4); }

PW_DEVICE uint32_t reach_of(int32_t y, int32_t start, int32_t end, int32_t height, int32_t width, int32_t depth) {
  const int32_t band_y = wall_band(depth, height), band_x = wall_band(depth, width);
  return (y == 0 ? TOUCHES_TOP : 0u) | (y == height - 1 ? TOUCHES_BOTTOM : 0u) | (start == 0 ? TOUCHES_LEFT : 0u) |
         (end == width ? TOUCHES_RIGHT : 0u) | (y >= band_y ? LEAVES_TOP : 0u) |
         (y < height - band_y ? LEAVES_BOTTOM : 0u) | (end > band_x ? LEAVES_LEFT : 0u) |
         (start < width - band_x ? LEAVES_RIGHT : 0u);
}

PW_DEVICE bool is_wall(uint32_t reach, int32_t height, int32_t width, int32_t depth) {
  const uint32_t across = TOUCHES_LEFT | TOUCHES_RIGHT, along = TOUCHES_TOP | TOUCHES_BOTTOM;
  const uint32_t leaves_y = LEAVES_TOP | LEAVES_BOTTOM, leaves_x = LEAVES_LEFT | LEAVES_RIGHT;
  return (wall_band(depth, height) && (reach & across) == across && (reach & leaves_y) != leaves_y) ||
         (wall_band(depth, width) && (reach & along) == along && (reach & leaves_x) != leaves_x);
}

// bits of word w that lie in columns [left, right)
PW_DEVICE uint64_t columns_mask(int32_t w, int32_t left, int32_t right) {
  const int32_t from = high(left - w * 64, 0), to = low(right - w * 64, 64);
  return from >= to ? 0 : (~(uint64_t)0 >> (64 - (to - from))) << from;
}

// Whether a wall is possible: along its side, every column (or row) of the band holds a pixel of it. `open` is scratch,
// (4): whether a column or row without one was found in the bands at the top, bottom, left, right.
PW_DEVICE bool wall_possible(const uint64_t* plane, int32_t height, int32_t width, int32_t depth, int32_t* open) {
  const int32_t words = plane_words(width);
  const int32_t band_y = wall_band(depth, height), band_x = wall_band(depth, width);
  PW_EACH(side, 4) open[side] = (side < 2 ? band_y : band_x) == 0;
  PW_BARRIER();
  PW_EACH(i, 2 * words) {
    const int32_t w = i % words, top = i < words ? 0 : height - band_y;
    uint64_t present = 0;
    for (int32_t y = top; y < top + band_y; ++y) present |= plane[(int64_t)y * words + w];
    if (present != columns_mask(w, 0, width)) store(open[i / words], 1);
  }
  PW_EACH(y, height) {
    const uint64_t* row = plane + (int64_t)y * words;
    uint64_t left = 0, right = 0;
    for (int32_t w = 0; w * 64 < band_x; ++w) left |= row[w] & columns_mask(w, 0, band_x);
    for (int32_t w = (width - band_x) / 64; w < words; ++w) right |= row[w] & columns_mask(w, width - band_x, width);
    if (left == 0) store(open[2], 1);
    if (right == 0) store(open[3], 1);
  }
  PW_BARRIER();
  const bool possible = !(open[0] && open[1] && open[2] && open[3]);
  PW_BARRIER();
  return possible;
}

// Clears walls of the vessel: 8-connected objects that touch two opposite sides of the frame and stay within `depth`
// pixels of a third one, or within a quarter of the frame if that is less.
PW_BLOCK_CODE void remove_walls(uint64_t* plane, int32_t height, int32_t width, int32_t depth, Scratch frame) {
  if (depth <= 0) return;
  Pieces pieces = take_pieces(frame, height, width);
  int32_t* marks = take<int32_t>(frame, high(most_runs(height, width), (int64_t)4));
  if (!wall_possible(plane, height, width, depth, marks)) return;  // the same for the whole block
  find_pieces(pieces, plane, height, width, false, frame);
  uint32_t* reach = (uint32_t*)marks;
  PW_EACH(i, pieces.count) reach[i] = 0;
  PW_BARRIER();
  PW_EACH(y, height) {
    const int32_t last = pieces.runs.first[y + 1];
    for (int32_t i = pieces.runs.first[y]; i < last; ++i) {
      const uint32_t own = reach_of(y, start_of(pieces.runs, i), end_of(pieces.runs, i), height, width, depth);
      atomic_or(reach[pieces.root[i]], own);
    }
  }
  PW_BARRIER();
  PW_EACH(i, pieces.count) reach[i] = is_wall(reach[i], height, width, depth);
  PW_BARRIER();
  flip_pieces(plane, height, width, pieces, marks, 1);
}

PW_DEVICE void fill_labels(int32_t* at, int32_t count, int32_t label) {
#ifdef PW_VECTORS
  const Vector32 value = fill((uint32_t)label);  // most runs are one or two vectors long
  for (; count > LANES_32; count -= LANES_32, at += LANES_32) write_vector(at, value);
  write_lanes(at, value, ((uint64_t)1 << count) - 1);
#else
  for (int32_t x = 0; x < count; ++x) at[x] = label;
#endif
}

// Writes the pieces' numbers into their pixels, 0 elsewhere. number[root + 1] of those kept is above number[root].
PW_DEVICE void draw_pieces(Pieces pieces, const int32_t* number, int32_t height, int32_t width, int32_t* labels) {
  for (int32_t top = 0; top < height; top += PW_THREADS) {  // few rows: labels go over zeros that are still in cache
    const int32_t bottom = low(top + PW_THREADS, height);
    int32_t* at = labels + (int64_t)top * width;
    PW_EACH(i, (bottom - top) * width) at[i] = 0;
    PW_BARRIER();
    PW_EACH(row, bottom - top) {
      const int32_t last = pieces.runs.first[top + row + 1];
      for (int32_t i = pieces.runs.first[top + row]; i < last; ++i) {
        const int32_t root = pieces.root[i], label = number[root + 1], start = start_of(pieces.runs, i);
        if (label > number[root]) fill_labels(at + (int64_t)row * width + start, end_of(pieces.runs, i) - start, label);
      }
    }
  }
  PW_BARRIER();
}

#ifdef PW_ROWS
// the runs of the kept pieces
PW_DEVICE void list_pieces(Pieces pieces, const int32_t* number, int32_t height, LabelRuns found) {
  int32_t next = 0;
  for (int32_t y = 0; y < height; ++y) {
    found.runs.first[y] = next;
    for (int32_t i = pieces.runs.first[y]; i < pieces.runs.first[y + 1]; ++i) {  // the next one goes over those that go
      const int32_t root = pieces.root[i], label = number[root + 1];
      found.runs.edges[2 * (int64_t)next] = (uint16_t)start_of(pieces.runs, i);
      found.runs.edges[2 * (int64_t)next + 1] = (uint16_t)end_of(pieces.runs, i);
      found.row[next] = (uint16_t)y;
      found.label[next] = label;
      next += label > number[root];
    }
  }
  found.runs.first[height] = next;
}
#endif

// Numbers the 8-connected objects 1, 2, ... in raster order of their first pixels; without those that touch the frame
// if `remove_touching`. Writes the numbers into `labels` (height, width), 0 elsewhere, or, if `found` is wanted, their
// runs, and labels are undefined. Returns how many there are.
PW_BLOCK_CODE int32_t label_pieces(const uint64_t* plane, int32_t height, int32_t width, bool remove_touching,
                                   int32_t* labels, LabelRuns found, Scratch frame) {
  Pieces pieces = take_pieces(frame, height, width);
  int32_t* number = take<int32_t>(frame, most_runs(height, width) + 1);
  find_pieces(pieces, plane, height, width, false, frame);
  PW_EACH(i, pieces.count + 1) number[i] = i < pieces.count && pieces.root[i] == i;
  PW_BARRIER();
  if (remove_touching) mark_touching(pieces, height, width, 0, number);
  const int32_t count = exclusive_scan(number, pieces.count + 1, frame);  // a kept root r: number[r] < number[r + 1]
#ifdef PW_ROWS
  if (found.label) {
    list_pieces(pieces, number, height, found);
    return count;
  }
#endif
  draw_pieces(pieces, number, height, width, labels);
  if (found.label) find_label_runs(labels, height, width, found, frame);
  return count;
}

}  // namespace pw

#ifdef PW_CUDA
// One block per frame. arena: (frames, stride) bytes. planes: (frames, height, words).
PW_KERNEL __launch_bounds__(512, 2) remove_small(uint64_t* planes, int32_t height, int32_t width, int32_t least_area,
                                              char* arena, int64_t stride) {
  pw::remove_small(planes + (int64_t)blockIdx.x * height * pw::plane_words(width), height, width, least_area,
                   pw::block_scratch(arena, stride));
}
PW_KERNEL __launch_bounds__(512, 2) fill_holes(uint64_t* planes, int32_t height, int32_t width, int32_t largest_area,
                                            char* arena, int64_t stride) {
  pw::fill_holes(planes + (int64_t)blockIdx.x * height * pw::plane_words(width), height, width, largest_area,
                 pw::block_scratch(arena, stride));
}
PW_KERNEL __launch_bounds__(512, 2) remove_walls(uint64_t* planes, int32_t height, int32_t width, int32_t depth,
                                              char* arena, int64_t stride) {
  pw::remove_walls(planes + (int64_t)blockIdx.x * height * pw::plane_words(width), height, width, depth,
                   pw::block_scratch(arena, stride));
}
// labels: (frames, height, width); counts: (frames)
PW_KERNEL __launch_bounds__(512, 2) label_pieces(const uint64_t* planes, int32_t height, int32_t width,
                                              int32_t remove_touching, int32_t* labels, int32_t* counts, char* arena,
                                              int64_t stride) {
  const int64_t f = blockIdx.x;
  const int32_t count = pw::label_pieces(planes + f * height * pw::plane_words(width), height, width,
                                         remove_touching != 0, labels + f * height * width, pw::LabelRuns{},
                                         pw::block_scratch(arena, stride));
  PW_ONCE counts[f] = count;
}
#endif
#endif
