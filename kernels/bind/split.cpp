// split.cpp: touching cells parted at their necks, for Python.
#include "../cpu/split.hpp"

#include "door.hpp"

namespace {

[[noreturn]] void refuse(const std::string& what) { door::refuse("split", what); }

void split(door::In<uint64_t, door::Frames> planes, door::In<uint8_t, door::Frames> grey, int32_t depth,
           int32_t seam_level,
           bool remove_touching, door::Out<int32_t, door::Frames> labels, door::Out<int32_t, nb::shape<-1>> counts,
           int32_t threads, const std::string& instructions) {
  const auto frames = (int64_t)labels.shape(0), height = (int64_t)labels.shape(1), width = (int64_t)labels.shape(2);
  if ((int64_t)planes.shape(0) != frames || (int64_t)counts.shape(0) != frames || (int64_t)planes.shape(1) != height)
    refuse("planes, labels and counts must hold the same frames");
  for (size_t axis = 0; axis < 3; ++axis)
    if (grey.shape(axis) != labels.shape(axis)) refuse("grey and labels differ in shape");
  const auto words = (int64_t)planes.shape(2);
  if (words != (width + 63) / 64)
    refuse("planes of " + std::to_string(words) + " words a row: expected " + std::to_string((width + 63) / 64) +
           " for a width of " + std::to_string(width) + " px");
  door::check_sides("split", height, width);
  if (depth < 1) refuse("depth " + std::to_string(depth) + ": expected at least 1");
  if (seam_level < 0 || seam_level > 255) refuse("seam_level " + std::to_string(seam_level) + ": expected 0..255");
  const uint64_t beyond = width % 64 ? ~pw::last_word_mask((int32_t)width) : 0;
  for (int64_t row = 0; beyond && row < frames * height; ++row)
    if (planes.data()[row * words + words - 1] & beyond)
      refuse("bits are set beyond the width of " + std::to_string(width) + " px");
  const SplitTable& table = PW_CHOOSE(split, door::find_isa(instructions));
  const uint64_t* plane = planes.data();
  const uint8_t* level = grey.data();
  int32_t *label = labels.data(), *count = counts.data();
  const int64_t size = height * width;
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, pw::split_bytes(height, width), [&](int64_t f, pw::Scratch memory) {
    count[f] = size == 0 ? 0
                         : table.split_pieces(plane + f * height * words, level + f * size, (int32_t)height,
                                              (int32_t)width, depth, seam_level, remove_touching, label + f * size, {},
                                              memory);
  });
}

}  // namespace

void bind_split(nb::module_& m) {
  m.def("split", &split, "planes"_a.noconvert(), "grey"_a.noconvert(), "depth"_a.noconvert(),
        "seam_level"_a.noconvert(), "remove_touching"_a.noconvert(), "labels"_a.noconvert(),
        "counts"_a.noconvert(), "threads"_a = 1,
        "instructions"_a = "best", "Part touching cells at their necks and number them in raster order.");
}
