// bind/background.cpp: step 1 for Python.
#include "../cpu/background.hpp"

#include "door.hpp"

namespace {

void adjust_background(door::In<uint8_t, door::Frames> pixels, int32_t half, int32_t tolerance,
                       door::Out<uint8_t, door::Frames> grey, int32_t threads, const std::string& instructions) {
  const std::string name = "adjust_background";
  const int64_t count = (int64_t)pixels.shape(0), height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  door::check_sides(name, height, width);
  if ((int64_t)grey.shape(0) != count || (int64_t)grey.shape(1) != height || (int64_t)grey.shape(2) != width)
    door::refuse(name, "grey must have the shape of pixels");
  if (grey.data() == pixels.data() && pixels.size()) door::refuse(name, "grey must not be pixels");
  if (half < 0) door::refuse(name, "half " + std::to_string(half) + ": expected at least 0 px");
  if (tolerance < 0 || tolerance > 255)
    door::refuse(name, "tolerance " + std::to_string(tolerance) + ": expected 0..255 grey levels");
  const BackgroundTable& table = PW_CHOOSE(background, door::find_isa(instructions));
  const int64_t size = height * width;
  const int64_t scratch = pw::adjust_frame_fast_bytes(width) + pw::adjust_frame_bytes(height, width, half);
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, scratch, [&](int64_t f, pw::Scratch memory) {
    table.adjust(pixels.data() + f * size, (int32_t)height, (int32_t)width, half, tolerance, grey.data() + f * size,
                 memory);
  });
}

}  // namespace

void bind_background(nb::module_& m) {
  m.def("adjust_background", &adjust_background, "pixels"_a.noconvert(), "half"_a.noconvert(),
        "tolerance"_a.noconvert(), "grey"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Write frames whose uneven background became grey level 128 into `grey`.");
}
