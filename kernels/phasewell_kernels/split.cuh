// split.cuh: touching cells are parted at their necks; step 8 and the numbering of what remains.
//
// Seams are cut (surface.cuh), the distance to the background is measured (distance.cuh) and smoothed, pixels climb to
// summits (climb.cuh), basins merge by depth (basins.cuh); groups that touch the frame go, the others are numbered in
// raster order of their first pixels.
// Bytes per frame: those of the parts, and labels 4 h * w written once, or 10 a run of the foreground.
//
// budget: split_frames registers<=128 smem<=0
#ifndef PHASEWELL_SPLIT_CUH
#define PHASEWELL_SPLIT_CUH
#include "basins.cuh"
#include "label_runs.cuh"

namespace pw {

constexpr int64_t wider(int64_t a, int64_t b) { return a > b ? a : b; }

// What split_pieces takes: basins, the inner plane, the surface, and the largest of what the parts take in turn.
constexpr int64_t split_bytes(int64_t height, int64_t width) {
  return basins_bytes(height, width) + taken_bytes(height * ((width + 63) / 64), sizeof(uint64_t)) +
         2 * grid_bytes(height, width, sizeof(int32_t)) +
         wider(far_bytes(height, width), wider(near_bytes(height, width), sums_bytes(width, sizeof(int32_t)))) +
         climb_bytes(height, width);
}

// marks[group] becomes 0 for the groups with a pixel on the outermost rows or columns
template <typename B>
PW_DEVICE void mark_touching_groups(const uint64_t* plane, int32_t height, int32_t width, const Grid<B>& basin_of,
                                    const Basins& basins, int32_t* marks) {
  const int32_t words = plane_words(width);
  PW_EACH(i, 2 * (width + height)) {
    const int32_t side = i - 2 * width;  // from 0 on: rows, left and right by turns
    const int32_t y = side >= 0 ? side / 2 : i < width ? 0 : height - 1;
    const int32_t x = side >= 0 ? (side % 2 ? width - 1 : 0) : i % width;
    if (is_set(plane + (int64_t)y * words, x)) store(marks[basins.group[~(int32_t)row_of(basin_of, y)[x]]], 0);
  }
  PW_BARRIER();
}

#ifdef PW_ROWS
// The number of a basin's group: `number` (basins) is -1 for groups that stay and are not numbered yet, 0 for those
// that go; of_basin (basins) is -1 where the number is not known yet.
struct GroupNumbers {
  const int32_t* group;
  int32_t* number;
  int32_t* of_basin;
  int32_t count;
};

PW_DEVICE int32_t number_of(GroupNumbers& numbers, int32_t basin) {
  int32_t& known = numbers.of_basin[basin];
  if (known >= 0) return known;
  int32_t& own = numbers.number[numbers.group[basin]];
  if (own < 0) own = ++numbers.count;
  return known = own;
}

// Writes the numbers of a word's pixels.
template <typename B>
PW_DEVICE void number_word(uint64_t word, const B* basin_of, GroupNumbers& numbers, int32_t* labels) {
#ifdef PW_VECTORS
  if constexpr (sizeof(B) == 2) {
    for (int32_t x = 0; x < 64; x += LANES_16) {
      const uint64_t mine = word >> x & ALL_LANES_16;
      if (!mine) continue;
      const Vector16 basin = read_vector<Vector16>(basin_of + x);
      for (uint64_t bits = mine; bits;) {  // basin by basin, in the order of their first pixels: seldom more than one
        const int16_t one = basin_of[x + lowest_bit(bits)];
        const uint64_t same = bits & bits_of(equal(basin, fill((uint16_t)one)));
        const Vector32 label = fill((uint32_t)number_of(numbers, ~(int32_t)one));
        write_lanes(labels + x, label, same);
        write_lanes(labels + x + LANES_32, label, same >> LANES_32);
        bits &= ~same;
      }
    }
    return;
  }
#endif
  for (uint64_t bits = word; bits; bits &= bits - 1) {
    const int32_t x = lowest_bit(bits);
    labels[x] = number_of(numbers, ~(int32_t)basin_of[x]);
  }
}

// number_groups by one thread: the first pixel of a group that it comes to is its first.
template <typename B>
PW_DEVICE int32_t number_in_order(const uint64_t* plane, int32_t height, int32_t width, const Grid<B>& basin_of,
                                  const Basins& basins, int32_t* number, int32_t* labels, LabelRuns found) {
  const int32_t words = plane_words(width);
  const int64_t stride = found.label && sizeof(B) == 2 ? 0 : width;  // runs are taken from a row while it is in cache
  int32_t next = 0;
  GroupNumbers numbers{basins.group, number, basins.parent, 0};
  for (int32_t i = 0; i < basins.count; ++i) numbers.of_basin[i] = -1;
  for (int32_t y = 0; y < height; ++y) {
    const uint64_t* row = plane + (int64_t)y * words;
    int32_t* at = labels + y * stride;
    for (int32_t w = 0; w < words; ++w) {
      if (row[w]) number_word(row[w], row_of(basin_of, y) + w * 64, numbers, at + w * 64);
      if (!found.label) clear_outside(row[w], at + w * 64, low(64, width - w * 64));
    }
    if (found.label) next = add_label_row(at, row, y, height, width, next, found);
  }
  return numbers.count;
}
#else
// number_groups by many threads: first pixels are found, and counted in raster order.
template <typename B>
PW_BLOCK_CODE int32_t number_by_firsts(const uint64_t* plane, int32_t height, int32_t width, const Grid<B>& basin_of,
                                       const Basins& basins, int32_t* number, uint64_t* firsts, Scratch scratch) {
  const int32_t words = plane_words(width);
  int32_t* first = basins.parent;  // pixel of a group
  int32_t* before = take<int32_t>(scratch, height + 1);
  PW_EACH(i, basins.count) first[i] = height * width;
  PW_EACH_2D(y, w, 0, height, 0, words) firsts[(int64_t)y * words + w] = 0;
  PW_BARRIER();
  PW_EACH_2D(y, x, 0, height, 0, width) {
    if (!is_set(plane + (int64_t)y * words, x)) continue;
    int32_t& least = first[basins.group[~(int32_t)row_of(basin_of, y)[x]]];
    if (y * width + x < load(least)) atomic_min(least, y * width + x);
  }
  PW_BARRIER();
  PW_EACH(i, basins.count) {
    if (basins.group[i] != i || number[i] == 0) continue;
    const int32_t y = first[i] / width, x = first[i] % width;
    atomic_or(firsts[(int64_t)y * words + x / 64], (uint64_t)1 << (x % 64));
  }
  PW_BARRIER();
  PW_EACH(y, height + 1) {
    int32_t count = 0;
    for (int32_t w = 0; w < words && y < height; ++w) count += count_bits(firsts[(int64_t)y * words + w]);
    before[y] = count;
  }
  PW_BARRIER();
  const int32_t count = exclusive_scan(before, height + 1, scratch);
  PW_EACH(i, basins.count) {
    if (basins.group[i] != i || number[i] == 0) continue;
    const int32_t y = first[i] / width, x = first[i] % width;
    const uint64_t* row = firsts + (int64_t)y * words;
    int32_t own = before[y] + 1 + count_bits(row[x / 64] & (((uint64_t)1 << (x % 64)) - 1));
    for (int32_t w = 0; w < x / 64; ++w) own += count_bits(row[w]);
    number[i] = own;
  }
  PW_BARRIER();
  return count;
}
#endif

// Writes the number of each pixel's group into labels, 0 for groups that go and outside of the plane, or, if `found` is
// wanted, their runs, and labels are undefined; returns how many groups stay. `number` (basins) is -1 for groups that
// stay, 0 for others; `firsts` (height, words) is scratch. Labels may lie where the grid does.
template <typename B>
PW_DEVICE int32_t number_groups(const uint64_t* plane, int32_t height, int32_t width, const Grid<B>& basin_of,
                                const Basins& basins, int32_t* number, uint64_t* firsts, int32_t* labels,
                                LabelRuns found, Scratch scratch) {
#ifdef PW_ROWS
  (void)firsts, (void)scratch;
  return number_in_order(plane, height, width, basin_of, basins, number, labels, found);
#else
  const int32_t words = plane_words(width);
  const int32_t count = number_by_firsts(plane, height, width, basin_of, basins, number, firsts, scratch);
  PW_EACH_2D(y, x, 0, height, 0, width) {
    const bool inside = is_set(plane + (int64_t)y * words, x);
    labels[(int64_t)y * width + x] = inside ? number[basins.group[~(int32_t)row_of(basin_of, y)[x]]] : 0;
  }
  PW_BARRIER();
  if (found.label) find_label_runs(labels, height, width, found, scratch);
  return count;
#endif
}

struct SplitNumbers {
  int32_t depth;  // in sixteenths of a pixel summed over 25 pixels
  bool remove_touching;
};

// From basins on; `passes` as in split_pieces.
template <typename T, typename B>
PW_DEVICE int32_t label_basins(const uint64_t* plane, int32_t height, int32_t width, const SplitNumbers& numbers,
                               Grid<T> heights, Grid<B> basin_of, uint64_t* inner, int32_t* labels, LabelRuns found,
                               Basins basins, Scratch passes, Scratch frame) {
  merge_basins(plane, basin_of, heights, height, width, numbers.depth, basins, passes);
  int32_t* number = basins.saddle;
  PW_EACH(i, basins.count) number[i] = -1;
  PW_BARRIER();
  if (numbers.remove_touching) mark_touching_groups(plane, height, width, basin_of, basins, number);
  return number_groups(plane, height, width, basin_of, basins, number, inner, labels, found, frame);
}

// From the sixteenths on.
template <typename T>
PW_DEVICE int32_t split_surface(const uint64_t* plane, int32_t height, int32_t width, const SplitNumbers& numbers,
                                Grid<T> sixteenths, uint64_t* inner, int32_t* labels, LabelRuns found, Basins basins,
                                Scratch passes, Scratch frame) {
  const Grid<T> heights = take_grid<T>(frame, height, width);
  smooth_distance(plane, height, width, sixteenths, heights, frame);
#ifdef PW_VECTORS
  if constexpr (sizeof(T) == 2) {
    const Grid<int16_t> narrow{(int16_t*)sixteenths.first, sixteenths.pitch};  // the sixteenths have done their work
    basins.count = climb_narrow(plane, height, width, heights, narrow, basins.summit, frame);
    if (basins.count >= 0)
      return label_basins(plane, height, width, numbers, heights, narrow, inner, labels, found, basins, passes, frame);
  }
#endif
  basins.count = climb(plane, height, width, heights, labels, basins.summit, frame);
  return label_basins(plane, height, width, numbers, heights, Grid<int32_t>{labels, width}, inner, labels, found,
                      basins, passes, frame);
}

// Parts the plane's pieces and numbers them 1, 2, ... in raster order of their first pixels; without those that touch
// the frame if `remove_touching`. Writes the numbers into `labels` (height, width), 0 elsewhere, or, if `found` is
// wanted, their runs, and labels are undefined. `grey` is background-adjusted; `depth` in sixteenths of a pixel summed
// over 25 pixels; seam_level 0: no seams. Returns how many there are.
PW_BLOCK_CODE int32_t split_pieces(const uint64_t* plane, const uint8_t* grey, int32_t height, int32_t width,
                                   int32_t depth, int32_t seam_level, bool remove_touching, int32_t* labels,
                                   LabelRuns found,
                                   Scratch frame) {
  const SplitNumbers numbers{depth, remove_touching};
  uint64_t* inner = take<uint64_t>(frame, (int64_t)height * plane_words(width));
  const Basins basins = take_basins(frame, height, width);
  const Scratch passes = frame;
  take<Pass>(frame, pass_capacity(height, width));
  take<int32_t>(frame, 2);
  cut_seams(plane, grey, height, width, seam_level, inner, frame);
  Scratch behind = frame;
  const Grid<uint16_t> near = take_grid<uint16_t>(behind, height, width);
  if (measure_near(inner, height, width, near, behind))  // the same for the whole block
    return split_surface(plane, height, width, numbers, near, inner, labels, found, basins, passes, behind);
  behind = frame;
  const Grid<int32_t> far = take_grid<int32_t>(behind, height, width);
  measure_far(inner, height, width, far, behind);
  return split_surface(plane, height, width, numbers, far, inner, labels, found, basins, passes, behind);
}

}  // namespace pw

#ifdef PW_CUDA
// One block per frame. arena: (frames, stride) bytes. planes: (frames, height, words); grey, labels: (frames, height,
// width); counts: (frames).
PW_KERNEL __launch_bounds__(512, 1) split_frames(const uint64_t* planes, const uint8_t* grey, int32_t height,
                                                 int32_t width, int32_t depth, int32_t seam_level,
                                                 int32_t remove_touching, int32_t* labels, int32_t* counts, char* arena,
                                                 int64_t stride) {
  const int64_t f = blockIdx.x, size = (int64_t)height * width;
  const int32_t count = pw::split_pieces(planes + f * height * pw::plane_words(width), grey + f * size, height, width,
                                         depth, seam_level, remove_touching != 0, labels + f * size, pw::LabelRuns{},
                                         pw::block_scratch(arena, stride));
  PW_ONCE counts[f] = count;
}
#endif
#endif
