// split.cuh: touching cells are parted at their necks; step 8 and the numbering of what remains.
//
// Seams are cut (surface.cuh), the distance to the background is measured (distance.cuh) and smoothed, pixels climb to
// summits (climb.cuh), basins merge by depth (basins.cuh); groups that touch the frame go, the others are numbered in
// raster order of their first pixels.
// Bytes per frame: those of the parts, and labels of the foreground read and written once more.
//
// budget: split_frames registers<=128 smem<=0
#ifndef PHASEWELL_SPLIT_CUH
#define PHASEWELL_SPLIT_CUH
#include "basins.cuh"

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
PW_DEVICE void mark_touching_groups(const int32_t* labels, int32_t height, int32_t width, const Basins& basins,
                                    int32_t* marks) {
  PW_EACH(i, 2 * width) {
    const int32_t label = labels[i < width ? i : (int64_t)(height - 1) * width + i - width];
    if (label < 0) store(marks[basins.group[~label]], 0);
  }
  PW_EACH(i, 2 * height) {
    const int32_t label = labels[i < height ? (int64_t)i * width : (int64_t)(i - height) * width + width - 1];
    if (label < 0) store(marks[basins.group[~label]], 0);
  }
  PW_BARRIER();
}

// Turns ~basin into the number of its group, 0 for those that go; returns how many remain. `number` (basins) is -1 for
// groups that stay, 0 for others.
PW_DEVICE int32_t number_groups(const uint64_t* plane, int32_t height, int32_t width, const Basins& basins, int32_t* number,
                                uint64_t* firsts, int32_t* labels, Scratch scratch) {
  const int32_t words = plane_words(width);
#ifdef PW_ROWS
  (void)firsts, (void)scratch;
  int32_t count = 0;
  int32_t* of_basin = basins.parent;
  for (int32_t i = 0; i < basins.count; ++i) of_basin[i] = -1;
  const auto number_of = [&](int32_t basin) {
    int32_t& own = number[basins.group[basin]];
    if (own < 0) own = ++count;
    return of_basin[basin] = own;
  };
  for (int32_t y = 0; y < height; ++y)
    for (int32_t w = 0; w < words; ++w) {
      const uint64_t word = plane[(int64_t)y * words + w];
      int32_t* at = labels + (int64_t)y * width + w * 64;
#ifdef PW_DISTANCE_VECTORS
      for (int32_t part = 0; word >> part; part += 16) {
        const auto mine = (__mmask16)(word >> part);
        const __m512i basin = _mm512_ternarylogic_epi32(_mm512_maskz_loadu_epi32(mine, at + part), PW_COUNTING, PW_COUNTING, 0x0F);
        __m512i label = _mm512_mask_i32gather_epi32(basin, mine, basin, of_basin, 4);
        const auto fresh = (uint32_t)(_mm512_movepi32_mask(label) & mine);
        if (fresh) {
          for (uint32_t bits = fresh; bits; bits &= bits - 1) number_of(~at[part + lowest_bit(bits)]);
          label = _mm512_mask_i32gather_epi32(basin, mine, basin, of_basin, 4);
        }
        _mm512_mask_storeu_epi32(at + part, mine, label);
        if (part == 48) break;
      }
#else
      for (uint64_t bits = word; bits; bits &= bits - 1) {
        int32_t& label = at[lowest_bit(bits)];
        const int32_t known = of_basin[~label];
        label = known < 0 ? number_of(~label) : known;
      }
#endif
    }
  return count;
#else
  int32_t* first = basins.parent;  // pixel of a group
  int32_t* before = take<int32_t>(scratch, height + 1);
  PW_EACH(i, basins.count) first[i] = height * width;
  PW_EACH_2D(y, w, 0, height, 0, words) firsts[(int64_t)y * words + w] = 0;
  PW_BARRIER();
  PW_EACH_2D(y, x, 0, height, 0, width) {
    const int32_t label = labels[(int64_t)y * width + x];
    if (label >= 0) continue;
    int32_t& least = first[basins.group[~label]];
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
  PW_EACH_2D(y, x, 0, height, 0, width) {
    int32_t& label = labels[(int64_t)y * width + x];
    if (label < 0) label = number[basins.group[~label]];
  }
  PW_BARRIER();
  return count;
#endif
}

// From the sixteenths on.
template <typename T>
PW_DEVICE int32_t split_surface(const uint64_t* plane, int32_t height, int32_t width, int32_t depth, bool remove_touching,
                                Grid<T> sixteenths, uint64_t* inner, int32_t* labels, Basins basins, Scratch passes,
                                Scratch frame) {
  const Grid<T> heights = take_grid<T>(frame, height, width);
  smooth_distance(plane, height, width, sixteenths, heights, frame);
  basins.count = climb(plane, height, width, heights, labels, basins.summit, frame);
  merge_basins(plane, labels, heights, height, width, depth, basins, passes);
  int32_t* number = basins.saddle;
  PW_EACH(i, basins.count) number[i] = -1;
  PW_BARRIER();
  if (remove_touching) mark_touching_groups(labels, height, width, basins, number);
  return number_groups(plane, height, width, basins, number, inner, labels, frame);
}

// Parts the plane's pieces and writes their numbers 1, 2, ... in raster order of their first pixels into `labels`
// (height, width), 0 elsewhere; without those that touch the frame if `remove_touching`. `grey` is background-adjusted;
// `depth` in sixteenths of a pixel summed over 25 pixels; seam_level 0: no seams. Returns how many there are.
PW_BLOCK_CODE int32_t split_pieces(const uint64_t* plane, const uint8_t* grey, int32_t height, int32_t width, int32_t depth,
                                   int32_t seam_level, bool remove_touching, int32_t* labels, Scratch frame) {
  uint64_t* inner = take<uint64_t>(frame, (int64_t)height * plane_words(width));
  const Basins basins = take_basins(frame, height, width);
  const Scratch passes = frame;
  take<Pass>(frame, pass_capacity(height, width));
  take<int32_t>(frame, 2);
  cut_seams(plane, grey, height, width, seam_level, inner, frame);
  Scratch behind = frame;
  const Grid<uint16_t> near = take_grid<uint16_t>(behind, height, width);
  if (measure_near(inner, height, width, near, behind))  // the same for the whole block
    return split_surface(plane, height, width, depth, remove_touching, near, inner, labels, basins, passes, behind);
  behind = frame;
  const Grid<int32_t> far = take_grid<int32_t>(behind, height, width);
  measure_far(inner, height, width, far, behind);
  return split_surface(plane, height, width, depth, remove_touching, far, inner, labels, basins, passes, behind);
}

}  // namespace pw

#ifdef PW_CUDA
// One block per frame. arena: (frames, stride) bytes. planes: (frames, height, words); grey, labels: (frames, height,
// width); counts: (frames).
PW_KERNEL __launch_bounds__(512, 1) split_frames(const uint64_t* planes, const uint8_t* grey, int32_t height, int32_t width,
                                              int32_t depth, int32_t seam_level, int32_t remove_touching, int32_t* labels,
                                              int32_t* counts, char* arena, int64_t stride) {
  const int64_t f = blockIdx.x, size = (int64_t)height * width;
  const int32_t count = pw::split_pieces(planes + f * height * pw::plane_words(width), grey + f * size, height, width, depth,
                                         seam_level, remove_touching != 0, labels + f * size,
                                         pw::block_scratch(arena, stride));
  PW_ONCE counts[f] = count;
}
#endif
#endif
