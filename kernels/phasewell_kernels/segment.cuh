// segment.cuh: steps 2 to 8 on one background-adjusted frame: their order, and nothing else.
//
// In: grey (height, width) uint8 and a recipe; out: labels (height, width) int32, 1..n in raster order of each cell's
// first pixel, or their runs, and n. Between them lie an energy image of one, two or four bytes a pixel, as the
// recipe's largest threshold asks for, and two bit planes. Bytes moved per frame: grey once, energy twice, labels once;
// the planes (1/8 byte a pixel) stay in the cache of a CPU core. Ranges are those of the steps.
//
// budget: segment_frames registers<=128 smem<=0
#ifndef PHASEWELL_SEGMENT_CUH
#define PHASEWELL_SEGMENT_CUH
#include "components.cuh"
#include "erosion.cuh"
#include "split.cuh"
#include "texture.cuh"

namespace pw {

struct Recipe {               // a 0 switches a step off; the order is that of the engine's Recipe
  int32_t texture_half_px;    // -1: no texture step
  int32_t otsu_percent, threshold_floor, threshold_cap;
  int32_t contrast_ratio, contrast_radius_px;
  int32_t pinhole_area_px, speck_area_px;
  int32_t erosion_radius_px;
  int32_t object_area_px, hole_area_px;
  int32_t wall_depth_px;
  int32_t split_depth, seam_level;
  int32_t remove_frame_touching;
};
constexpr int32_t RECIPE_NUMBERS = sizeof(Recipe) / sizeof(int32_t);

constexpr int64_t plane_bytes(int64_t height, int64_t width) {
  return taken_bytes(height * ((width + 63) / 64), sizeof(uint64_t));
}

PW_HOST_DEVICE constexpr ForegroundNumbers foreground_numbers(const Recipe& recipe) {
  return {recipe.texture_half_px, recipe.contrast_ratio,  recipe.contrast_radius_px,
          recipe.otsu_percent,    recipe.threshold_floor, recipe.threshold_cap};
}

constexpr int64_t segment_frame_fast_bytes(int64_t height, int64_t width, const Recipe& recipe) {
  return wider(erode_plane_fast_bytes(width),
               measure_energy_bytes(height, width, recipe.texture_half_px, recipe.contrast_ratio,
                                    recipe.contrast_radius_px));
}

constexpr int64_t segment_frame_bytes(int64_t height, int64_t width, const Recipe& recipe) {
  return wider(wider(find_foreground_bytes(height, width, foreground_numbers(recipe)),
                     label_pieces_bytes(height, width)),
               recipe.split_depth ? split_bytes(height, width) : 0);
}

// plane: (height, plane_words(width)) to work in. If `found` is wanted, the runs of the labels are written instead of
// them.
PW_BLOCK_CODE int32_t segment_frame(const uint8_t* grey, int32_t height, int32_t width, const Recipe& recipe,
                                    int32_t* labels, LabelRuns found, uint64_t* plane, Scratch fast, Scratch frame) {
  find_foreground(grey, height, width, foreground_numbers(recipe), plane, frame, fast);
  fill_holes(plane, height, width, recipe.pinhole_area_px, frame);
  remove_small(plane, height, width, recipe.speck_area_px, frame);
  if (recipe.erosion_radius_px) {
    const int32_t words = height * plane_words(width);  // at most 2^24 / 64 + 2^14
    Scratch rest = frame;
    uint64_t* eroded = take<uint64_t>(rest, words);
    erode_plane(plane, height, width, recipe.erosion_radius_px, eroded, fast);
    PW_EACH(i, words) plane[i] = eroded[i];  // the plane stays where it is: in shared memory, if it fits
    PW_BARRIER();
  }
  clean_objects(plane, height, width, recipe.object_area_px, recipe.hole_area_px, frame);
  remove_walls(plane, height, width, recipe.wall_depth_px, frame);
  if (recipe.split_depth)
    return split_pieces(plane, grey, height, width, recipe.split_depth, recipe.seam_level,
                        recipe.remove_frame_touching != 0, labels, found, frame);
  return label_pieces(plane, height, width, recipe.remove_frame_touching != 0, labels, found, frame);
}

}  // namespace pw

#ifdef PW_CUDA
// One block per frame. recipe: RECIPE_NUMBERS int32. fast: arena of fast_stride bytes a block, or null where it lies in
// shared memory. plane_offset: where in shared memory the plane begins, or -1 where it lies at the end of the frame's
// part of the arena.
PW_KERNEL __launch_bounds__(512, 1) segment_frames(const uint8_t* grey, int32_t height, int32_t width,
                                                   const int32_t* recipe, int32_t* labels, int32_t* counts, char* fast,
                                                int64_t fast_stride, char* frame, int64_t frame_stride,
                                                int64_t plane_offset) {
  const int64_t size = (int64_t)height * width, words = (int64_t)height * pw::plane_words(width);
  char* own = frame + blockIdx.x * frame_stride;
  const int64_t plane_bytes = (words * 8 + pw::ALIGNMENT - 1) / pw::ALIGNMENT * pw::ALIGNMENT;
  char* plane = plane_offset >= 0 ? pw::block_scratch(nullptr, 0).at + plane_offset : own + frame_stride - plane_bytes;
  const int32_t count = pw::segment_frame(grey + blockIdx.x * size, height, width, *(const pw::Recipe*)recipe,
                                          labels + blockIdx.x * size, pw::LabelRuns{}, (uint64_t*)plane,
                                          pw::block_scratch(fast, fast_stride), pw::Scratch{own});
  PW_ONCE counts[blockIdx.x] = count;
}
#endif
#endif
