// segment.cpp: steps 2 to 8 for Python.
#include "segment.hpp"

#include <algorithm>
#include <cstring>


[[noreturn]] static void refuse(const std::string& what) { door::refuse("segment", what); }

pw::Recipe read_recipe(const int32_t* numbers) {
  pw::Recipe recipe;
  std::memcpy(&recipe, numbers, sizeof recipe);
  if (recipe.texture_half_px < -1 || recipe.texture_half_px > pw::MAX_TEXTURE_HALF)
    refuse("texture_half_px " + std::to_string(recipe.texture_half_px) + ": expected -1.." +
           std::to_string(pw::MAX_TEXTURE_HALF));
  if (recipe.threshold_floor < 0 || recipe.threshold_floor > recipe.threshold_cap) refuse("expected 0 <= floor <= cap");
  for (int32_t i = 1; i < pw::RECIPE_NUMBERS; ++i)
    if (numbers[i] < 0) refuse("recipe: number " + std::to_string(i) + " is negative");
  if (recipe.contrast_radius_px > 2 * door::MAX_SIDE || recipe.erosion_radius_px > 2 * door::MAX_SIDE)
    refuse("radius beyond " + std::to_string(2 * door::MAX_SIDE) + " px");
  return recipe;
}

namespace {

void segment_frames(door::In<uint8_t, door::Frames> grey, door::In<int32_t, nb::shape<pw::RECIPE_NUMBERS>> numbers,
                    door::Out<int32_t, door::Frames> labels, door::Out<int32_t, nb::shape<-1>> counts, int32_t threads,
                    const std::string& instructions) {
  const auto frames = (int64_t)grey.shape(0), height = (int64_t)grey.shape(1), width = (int64_t)grey.shape(2);
  if ((int64_t)labels.shape(0) != frames || (int64_t)labels.shape(1) != height || (int64_t)labels.shape(2) != width)
    refuse("grey and labels differ in shape");
  if ((int64_t)counts.shape(0) != frames) refuse("one count per frame expected");
  door::check_sides("segment", height, width);
  const pw::Recipe recipe = read_recipe(numbers.data());
  if (height * width == 0) {
    std::fill_n(counts.data(), frames, 0);
    return;
  }
  const SegmentTable& table = PW_CHOOSE(segment, door::find_isa(instructions));
  const int64_t scratch = segment_scratch_bytes(height, width, recipe);
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, scratch, [&](int64_t f, pw::Scratch memory) {
    counts.data()[f] = table.segment(grey.data() + f * height * width, (int32_t)height, (int32_t)width, recipe,
                                     labels.data() + f * height * width, {}, memory);
  });
}

}  // namespace

void bind_segment(nb::module_& m) {
  m.attr("RECIPE_NUMBERS") = pw::RECIPE_NUMBERS;
  m.def("segment", &segment_frames, "grey"_a.noconvert(), "recipe"_a.noconvert(), "labels"_a.noconvert(),
        "counts"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Write the labels of background-adjusted frames, and how many each has.");
}
