// components.cpp: connected pieces of bit planes for Python.
#include "../cpu/components.hpp"

#include "door.hpp"

namespace {

using Planes = door::Out<uint64_t, door::Frames>;  // changed in place

// Refuses planes that are not (frames, height, words of `width`) with nothing beyond the width.
template <typename Array>
void check_planes(const std::string& function, const Array& planes, int64_t width) {
  const auto frames = (int64_t)planes.shape(0), height = (int64_t)planes.shape(1), words = (int64_t)planes.shape(2);
  if (width < 0 || words != (width + 63) / 64)
    door::refuse(function, "planes of " + std::to_string(words) + " words a row: expected " +
                               std::to_string((width + 63) / 64) + " for a width of " + std::to_string(width) + " px");
  door::check_sides(function, height, width);
  if (width % 64 == 0) return;
  const uint64_t beyond = ~pw::last_word_mask((int32_t)width);
  for (int64_t row = 0; row < frames * height; ++row)
    if (planes.data()[row * words + words - 1] & beyond)
      door::refuse(function, "bits are set beyond the width of " + std::to_string(width) + " px");
}

// step(plane, height, width, scratch) on every frame
template <typename Step>
void change_planes(const Planes& planes, int64_t width, int64_t scratch_bytes, int32_t threads, Step step) {
  const auto frames = (int64_t)planes.shape(0), height = (int64_t)planes.shape(1), words = (int64_t)planes.shape(2);
  if (height == 0 || width == 0) return;
  uint64_t* first = planes.data();
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, scratch_bytes, [&](int64_t f, pw::Scratch memory) {
    step(first + f * height * words, (int32_t)height, (int32_t)width, memory);
  });
}

const ComponentsTable& table_of(const std::string& instructions) {
  return PW_CHOOSE(components, door::find_isa(instructions));
}

void remove_small(Planes planes, int64_t width, int32_t least_area, int32_t threads, const std::string& instructions) {
  check_planes("remove_small", planes, width);
  const auto change = table_of(instructions).remove_small;
  change_planes(planes, width, pw::remove_small_bytes((int64_t)planes.shape(1), width), threads,
                [&](uint64_t* plane, int32_t h, int32_t w, pw::Scratch memory) {
                  change(plane, h, w, least_area, memory);
                });
}

void fill_holes(Planes planes, int64_t width, int32_t largest_area, int32_t threads, const std::string& instructions) {
  check_planes("fill_holes", planes, width);
  const auto change = table_of(instructions).fill_holes;
  change_planes(planes, width, pw::fill_holes_bytes((int64_t)planes.shape(1), width), threads,
                [&](uint64_t* plane, int32_t h, int32_t w, pw::Scratch memory) {
                  change(plane, h, w, largest_area, memory);
                });
}

void clean_objects(Planes planes, int64_t width, int32_t least_area, int32_t largest_area, int32_t threads,
                   const std::string& instructions) {
  check_planes("clean_objects", planes, width);
  const auto change = table_of(instructions).clean_objects;
  change_planes(planes, width, pw::clean_objects_bytes((int64_t)planes.shape(1), width), threads,
                [&](uint64_t* plane, int32_t h, int32_t w, pw::Scratch memory) {
                  change(plane, h, w, least_area, largest_area, memory);
                });
}

void remove_walls(Planes planes, int64_t width, int32_t depth, int32_t threads, const std::string& instructions) {
  check_planes("remove_walls", planes, width);
  const auto change = table_of(instructions).remove_walls;
  change_planes(planes, width, pw::remove_walls_bytes((int64_t)planes.shape(1), width), threads,
                [&](uint64_t* plane, int32_t h, int32_t w, pw::Scratch memory) {
                  change(plane, h, w, depth, memory);
                });
}

void label_pieces(door::In<uint64_t, door::Frames> planes, bool remove_touching,
                  door::Out<int32_t, door::Frames> labels, door::Out<int32_t, nb::shape<-1>> counts, int32_t threads,
                  const std::string& instructions) {
  const auto frames = (int64_t)labels.shape(0), height = (int64_t)labels.shape(1), width = (int64_t)labels.shape(2);
  if ((int64_t)planes.shape(0) != frames || (int64_t)counts.shape(0) != frames || (int64_t)planes.shape(1) != height)
    door::refuse("label_pieces", "planes, labels and counts must hold the same frames");
  check_planes("label_pieces", planes, width);
  const ComponentsTable& table = table_of(instructions);
  const auto words = (int64_t)planes.shape(2);
  const uint64_t* first = planes.data();
  int32_t *pixels = labels.data(), *count = counts.data();
  nb::gil_scoped_release unlocked;
  door::each_frame(frames, threads, pw::label_pieces_bytes(height, width), [&](int64_t f, pw::Scratch memory) {
    count[f] = height == 0 || width == 0
                   ? 0
                   : table.label_pieces(first + f * height * words, (int32_t)height, (int32_t)width, remove_touching,
                                        pixels + f * height * width, {}, memory);
  });
}

}  // namespace

void bind_components(nb::module_& m) {
  m.def("remove_small", &remove_small, "planes"_a.noconvert(), "width"_a.noconvert(), "least_area"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best", "Clear the 8-connected objects below `least_area` pixels.");
  m.def("fill_holes", &fill_holes, "planes"_a.noconvert(), "width"_a.noconvert(), "largest_area"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best", "Set the 4-connected holes of up to `largest_area` pixels.");
  m.def("clean_objects", &clean_objects, "planes"_a.noconvert(), "width"_a.noconvert(), "least_area"_a.noconvert(),
        "largest_area"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best", "remove_small, then fill_holes.");
  m.def("remove_walls", &remove_walls, "planes"_a.noconvert(), "width"_a.noconvert(), "depth"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best", "Clear objects that run through the frame along one of its sides.");
  m.def("label_pieces", &label_pieces, "planes"_a.noconvert(), "remove_touching"_a.noconvert(), "labels"_a.noconvert(),
        "counts"_a.noconvert(), "threads"_a = 1, "instructions"_a = "best",
        "Number the 8-connected objects in raster order.");
}
