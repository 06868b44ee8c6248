// operations_segment.cpp: steps 2 to 8 in one.
#include <algorithm>

#include "operation.hpp"

namespace {

void draw_segment(Chance& chance, Case& made) {
  give_grey(chance, made);
  pw::Recipe recipe{};
  recipe.texture_half_px = chance.within(-1, pw::MAX_TEXTURE_HALF);
  recipe.otsu_percent = chance.within(1, 200);
  const int32_t caps[] = {0, 200, 254, 255, 65534, 65535, pw::ENERGY_LIMIT};
  recipe.threshold_cap = caps[chance.within(0, 6)];
  recipe.threshold_floor = chance.within(0, std::min(recipe.threshold_cap, 100));
  recipe.contrast_ratio = chance.one_in(2) ? 0 : chance.within(1, 200);
  recipe.contrast_radius_px = chance.within(0, 14);
  int32_t* areas[] = {&recipe.pinhole_area_px, &recipe.speck_area_px, &recipe.object_area_px, &recipe.hole_area_px};
  for (int32_t* area : areas) *area = chance.one_in(3) ? 0 : chance.within(0, 60);
  recipe.erosion_radius_px = chance.one_in(3) ? 0 : chance.within(0, 5);
  recipe.wall_depth_px = chance.one_in(2) ? 0 : chance.within(0, 40);
  recipe.split_depth = chance.one_in(3) ? 0 : chance.within(1, 2000);
  recipe.seam_level = chance.within(0, 127);
  recipe.remove_frame_touching = chance.within(0, 1);
  std::memcpy(made.give<int32_t>("recipe", {pw::RECIPE_NUMBERS}), &recipe, sizeof recipe);
}

void run_segment(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto* grey = worked.in<uint8_t>("grey");
  pw::Recipe recipe;
  std::memcpy(&recipe, worked.in<int32_t>("recipe"), sizeof recipe);
  auto* labels = worked.result<int32_t>("labels", {h, w});
  Returned<int32_t> count(worked, "count");
  const int64_t bytes =
      pw::segment_frame_fast_bytes(h, w, recipe) + pw::segment_frame_bytes(h, w, recipe) + pw::plane_bytes(h, w);
  runner.block(bytes, [&](pw::Scratch scratch) {
    count.put(runner.tables->segment->segment(grey, h, w, recipe, labels, {}, scratch));
  });
  Array work("i4", {h, w});
  give_runs(runner, worked, h, w, bytes, [&](pw::LabelRuns found, pw::Scratch scratch) {
    runner.tables->segment->segment(grey, h, w, recipe, work.data<int32_t>(), found, scratch);
  });
}

}  // namespace

void add_segment_operations(std::vector<Operation>& all) { all.push_back({"segment", draw_segment, run_segment}); }
