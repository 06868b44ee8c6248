// bind/quality.cpp: the integer sums behind the quality numbers, for Python.
#include "quality.hpp"

namespace quality {

void check(const std::string& function, int64_t frames, int64_t height, int64_t width, const Integers& integers,
           const Lines& rows, const Lines& columns) {
  if ((int64_t)integers.shape(0) != frames) door::refuse(function, "integers must have one row per frame");
  if ((int64_t)rows.shape(0) != frames || (int64_t)rows.shape(1) != height)
    door::refuse(function, "rows must be (frames, height)");
  if ((int64_t)columns.shape(0) != frames || (int64_t)columns.shape(1) != width)
    door::refuse(function, "columns must be (frames, width)");
}

}  // namespace quality

namespace {

void sum_frames(door::In<uint8_t, door::Frames> pixels, quality::Integers integers, quality::Lines rows,
                quality::Lines columns, int32_t threads, const std::string& instructions) {
  const std::string name = "sum_frames";
  const int64_t count = (int64_t)pixels.shape(0), height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  door::check_sides(name, height, width);
  quality::check(name, count, height, width, integers, rows, columns);
  const QualityTable& table = PW_CHOOSE(quality, door::find_isa(instructions));
  const int64_t size = height * width;
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, pw::sum_frame_bytes(width), [&](int64_t f, pw::Scratch memory) {
    const quality::Sums sums = quality::sums_of(f, integers, rows, columns);
    table.sum(pixels.data() + f * size, (int32_t)height, (int32_t)width, sums.integers, sums.rows,
              sums.columns, memory);
  });
}

}  // namespace

void bind_quality(nb::module_& m) {
  m.attr("QUALITY_INTEGERS") = pw::QUALITY_INTEGERS;
  m.def("sum_frames", &sum_frames, "pixels"_a.noconvert(), "integers"_a.noconvert(), "rows"_a.noconvert(),
        "columns"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Write the integer sums from which the quality numbers of frames are computed.");
}
