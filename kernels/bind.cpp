// bind.cpp: the CPU build of the kernels as a Python module. Every argument is noconvert: nothing is copied silently.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "phasewell_kernels/render.cuh"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <typename T, typename Shape>
using In = nb::ndarray<const T, Shape, nb::c_contig, nb::device::cpu>;
template <typename T, typename Shape>
using Out = nb::ndarray<T, Shape, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("render_frames: " + what); }

void check_cell(const pw::RenderCell& cell, int64_t index, int64_t kinds) {
  const std::string who = "cell " + std::to_string(index) + ": ";
  if (cell.half_length < 1 || cell.half_length > 65536) refuse(who + "half_length outside 1..65536 sixteenths of a px");
  if (cell.knot_scale < 0 || int64_t{cell.half_length} * 2 * cell.knot_scale > (int64_t{pw::KNOTS} << 18))
    refuse(who + "knot_scale does not map the length to the knots");
  if (cell.kind < 0 || cell.kind >= kinds) refuse(who + "kind without a profile");
  if (cell.label < 0) refuse(who + "negative label");
  if (std::abs(cell.cosine) > 16384 || std::abs(cell.sine) > 16384) refuse(who + "cosine or sine outside Q14");
  const int64_t y = cell.y / 16, x = cell.x / 16, far = 4000;  // px; keeps every product within 32 bit
  if (y - cell.top > far || cell.bottom - y > far || x - cell.left > far || cell.right - x > far)
    refuse(who + "bounding box reaches more than 4000 px from the centre");
}

void render_frames(In<int32_t, nb::shape<-1, pw::FRAME_FIELDS>> frames, In<int64_t, nb::shape<-1>> offsets,
                   In<int32_t, nb::shape<-1, pw::CELL_FIELDS>> cells, In<int16_t, nb::shape<-1, pw::KNOTS, 4>> outlines,
                   In<int16_t, nb::shape<-1, pw::PROFILE>> profiles,
                   In<int8_t, nb::shape<pw::TEXTURE, pw::TEXTURE>> texture, int32_t reach, int32_t profile_scale,
                   Out<uint8_t, nb::shape<-1, -1, -1>> pixels, Out<int32_t, nb::shape<-1, -1, -1>> labels) {
  const int64_t count = (int64_t)frames.shape(0), n = (int64_t)cells.shape(0);
  const int64_t height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  if ((int64_t)pixels.shape(0) != count || (int64_t)labels.shape(0) != count) refuse("one image per frame expected");
  if ((int64_t)labels.shape(1) != height || (int64_t)labels.shape(2) != width) refuse("pixels and labels differ in shape");
  if (height < 1 || width < 1 || height > 16384 || width > 16384) refuse("frame sides must be 1..16384 px");
  if ((int64_t)outlines.shape(0) != n) refuse("one outline per cell expected");
  if (reach < 0 || reach > 32767 || profile_scale < 1 || profile_scale > 65536) refuse("reach or profile_scale out of range");
  if ((int64_t)offsets.shape(0) != count + 1 || offsets.data()[0] != 0 || offsets.data()[count] != n)
    refuse("offsets must run from 0 to the number of cells, one more than frames");
  for (int64_t f = 0; f < count; ++f)
    if (offsets.data()[f] > offsets.data()[f + 1]) refuse("offsets must not fall");
  const auto* cell = reinterpret_cast<const pw::RenderCell*>(cells.data());
  for (int64_t c = 0; c < n; ++c) check_cell(cell[c], c, (int64_t)profiles.shape(0));

  nb::gil_scoped_release unlocked;
  std::vector<int16_t> body(pw::TILE_H * pw::TILE_W), halo(pw::TILE_H * pw::TILE_W);
  std::vector<int32_t> owner(pw::TILE_H * pw::TILE_W);
  const int32_t rows = (int32_t)((height + pw::TILE_H - 1) / pw::TILE_H);
  const int32_t columns = (int32_t)((width + pw::TILE_W - 1) / pw::TILE_W);
  for (int64_t f = 0; f < count; ++f) {
    const int64_t first = offsets.data()[f];
    const auto& frame = reinterpret_cast<const pw::RenderFrame*>(frames.data())[f];
    for (int32_t row = 0; row < rows; ++row)
      for (int32_t column = 0; column < columns; ++column)
        pw::render_tile(frame, cell + first, outlines.data() + first * pw::KNOTS * 4,
                        (int32_t)(offsets.data()[f + 1] - first), profiles.data(), texture.data(), reach, profile_scale,
                        (int32_t)height, (int32_t)width, row, column, body.data(), halo.data(), owner.data(),
                        pixels.data() + f * height * width, labels.data() + f * height * width);
  }
}

}  // namespace

NB_MODULE(cpu, m) {
  m.doc() = "CPU build of the phasewell kernels.";
  m.attr("CELL_FIELDS") = pw::CELL_FIELDS;
  m.attr("FRAME_FIELDS") = pw::FRAME_FIELDS;
  m.attr("KNOTS") = pw::KNOTS;
  m.attr("PROFILE_SAMPLES") = pw::PROFILE;
  m.attr("TEXTURE_SIDE") = pw::TEXTURE;
  m.def("render_frames", &render_frames, "frames"_a.noconvert(), "offsets"_a.noconvert(), "cells"_a.noconvert(),
        "outlines"_a.noconvert(), "profiles"_a.noconvert(), "texture"_a.noconvert(), "reach"_a.noconvert(),
        "profile_scale"_a.noconvert(), "pixels"_a.noconvert(), "labels"_a.noconvert(),
        "Render synthetic frames and their truth labels into `pixels` and `labels`.");
}
