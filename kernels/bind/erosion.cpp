// bind/erosion.cpp: step 5 for Python.
#include "../cpu/erosion.hpp"

#include "door.hpp"

namespace {

void erode(door::In<uint64_t, door::Frames> planes, int64_t width, int32_t radius,
           door::Out<uint64_t, door::Frames> out, int32_t threads, const std::string& instructions) {
  const std::string name = "erode";
  const int64_t count = (int64_t)planes.shape(0), height = (int64_t)planes.shape(1), words = (int64_t)planes.shape(2);
  if (width < 0 || (width + 63) / 64 != words)
    door::refuse(name, "planes of " + std::to_string(words) + " words a row: expected as many as width " +
                           std::to_string(width) + " takes, 64 px each");
  door::check_sides(name, height, width);
  if ((int64_t)out.shape(0) != count || (int64_t)out.shape(1) != height || (int64_t)out.shape(2) != words)
    door::refuse(name, "out must have the shape of planes");
  if (out.data() == planes.data() && planes.size()) door::refuse(name, "out must not be planes");
  if (radius < 0) door::refuse(name, "radius " + std::to_string(radius) + ": expected at least 0 px");
  const ErosionTable& table = PW_CHOOSE(erosion, door::find_isa(instructions));
  const int64_t size = height * words;
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, pw::erode_plane_fast_bytes(width), [&](int64_t f, pw::Scratch memory) {
    table.erode(planes.data() + f * size, (int32_t)height, (int32_t)width, radius, out.data() + f * size, memory);
  });
}

}  // namespace

void bind_erosion(nb::module_& m) {
  m.def("erode", &erode, "planes"_a.noconvert(), "width"_a.noconvert(), "radius"_a.noconvert(), "out"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best",
        "Write the pixels of bit planes whose disc of `radius` is foreground into `out`.");
}
