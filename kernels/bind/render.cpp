// render.cpp: synthetic frames for Python.
#include "../cpu/render.hpp"

#include <cstdlib>

#include "door.hpp"

namespace {

[[noreturn]] void refuse(const std::string& what) { door::refuse("render_frames", what); }

void check_cell(const pw::RenderCell& cell, int64_t index, int64_t kinds) {
  const std::string who = "cell " + std::to_string(index) + ": ";
  if (cell.half_length < 1 || cell.half_length > 16384) refuse(who + "half_length outside 1..16384 sixteenths of a px");
  if (cell.knot_scale < 0 || int64_t{cell.half_length} * 2 * cell.knot_scale > (int64_t{pw::KNOTS} << 18))
    refuse(who + "knot_scale does not map the length to the knots");
  if (cell.kind < 0 || cell.kind >= kinds) refuse(who + "kind without a profile");
  if (cell.label < 0) refuse(who + "negative label");
  if (std::abs(cell.cosine) > 16384 || std::abs(cell.sine) > 16384) refuse(who + "cosine or sine outside Q14");
  const int64_t y = cell.y / 16, x = cell.x / 16, far = 1000;  // px; keeps every product within 32 bit
  if (y - cell.top > far || cell.bottom - y > far || x - cell.left > far || cell.right - x > far)
    refuse(who + "bounding box reaches more than 1000 px from the centre");
  for (const int32_t scale : {cell.amplitude, cell.plateau, cell.texture_amplitude, cell.texture_scale,
                              cell.nucleus_amplitude})
    if (std::abs(int64_t{scale}) > 65535) refuse(who + "amplitude or scale beyond 65535");
}

using FrameTable = door::In<int32_t, nb::shape<-1, pw::FRAME_FIELDS>>;
using CellTable = door::In<int32_t, nb::shape<-1, pw::CELL_FIELDS>>;
using Offsets = door::In<int64_t, nb::shape<-1>>;
using Outlines = door::In<int16_t, nb::shape<-1, pw::KNOTS, 4>>;
using Profiles = door::In<int16_t, nb::shape<-1, pw::PROFILE>>;
using Texture = door::In<int8_t, nb::shape<pw::TEXTURE, pw::TEXTURE>>;
using Mottle = door::In<int8_t, nb::shape<pw::TEXTURE, pw::MOTTLE_W>>;

void check_render(FrameTable frames, Offsets offsets, CellTable cells, Outlines outlines, Profiles profiles,
                  Texture, Mottle,
                  int32_t reach, int32_t profile_scale, int64_t height, int64_t width) {
  const int64_t count = (int64_t)frames.shape(0), n = (int64_t)cells.shape(0);
  if (height < 1 || width < 1 || height > 16384 || width > 16384) refuse("frame sides must be 1..16384 px");
  if ((int64_t)outlines.shape(0) != n) refuse("one outline per cell expected");
  if (reach < 0 || reach > 4096 || profile_scale < 1 || profile_scale > 65536)
    refuse("reach or profile_scale out of range");
  if ((int64_t)offsets.shape(0) != count + 1 || offsets.data()[0] != 0 || offsets.data()[count] != n)
    refuse("offsets must run from 0 to the number of cells, one more than frames");
  for (int64_t f = 0; f < count; ++f)
    if (offsets.data()[f] > offsets.data()[f + 1]) refuse("offsets must not fall");
  const auto* cell = reinterpret_cast<const pw::RenderCell*>(cells.data());
  for (int64_t c = 0; c < n; ++c) check_cell(cell[c], c, (int64_t)profiles.shape(0));
}

void render_frames(FrameTable frames, Offsets offsets, CellTable cells, Outlines outlines, Profiles profiles,
                   Texture texture,
                   Mottle mottle, int32_t reach, int32_t profile_scale, door::Out<uint8_t, door::Frames> pixels,
                   door::Out<int32_t, door::Frames> labels, int32_t threads, const std::string& instructions) {
  const int64_t count = (int64_t)frames.shape(0);
  const int64_t height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  if ((int64_t)pixels.shape(0) != count || (int64_t)labels.shape(0) != count) refuse("one image per frame expected");
  if ((int64_t)labels.shape(1) != height || (int64_t)labels.shape(2) != width)
    refuse("pixels and labels differ in shape");
  check_render(frames, offsets, cells, outlines, profiles, texture, mottle, reach, profile_scale, height, width);
  const auto* cell = reinterpret_cast<const pw::RenderCell*>(cells.data());

  const RenderTable& table = PW_CHOOSE(render, door::find_isa(instructions));
  const auto* frame = reinterpret_cast<const pw::RenderFrame*>(frames.data());
  const int64_t* offset = offsets.data();
  const int64_t size = height * width, scratch = 4 * pw::taken_bytes(pw::TILE_H * pw::TILE_W, sizeof(int32_t));
  nb::gil_scoped_release unlocked;
  door::each_frame(count, threads, scratch, [&](int64_t f, pw::Scratch memory) {
    table.render(frame[f], cell + offset[f], outlines.data() + offset[f] * pw::KNOTS * 4,
                 (int32_t)(offset[f + 1] - offset[f]), profiles.data(), texture.data(), mottle.data(), reach,
                 profile_scale, (int32_t)height, (int32_t)width, pixels.data() + f * size,
                 labels.data() + f * size, memory);
  });
}

}  // namespace

void bind_render(nb::module_& m) {
  m.attr("CELL_FIELDS") = pw::CELL_FIELDS;
  m.attr("FRAME_FIELDS") = pw::FRAME_FIELDS;
  m.attr("KNOTS") = pw::KNOTS;
  m.attr("PROFILE_SAMPLES") = pw::PROFILE;
  m.attr("TEXTURE_SIDE") = pw::TEXTURE;
  m.attr("MOTTLE_WIDTH") = pw::MOTTLE_W;
  m.attr("RENDER_TILE") = nb::make_tuple(pw::TILE_H, pw::TILE_W);
  m.def("check_render", &check_render, "frames"_a.noconvert(), "offsets"_a.noconvert(), "cells"_a.noconvert(),
        "outlines"_a.noconvert(), "profiles"_a.noconvert(), "texture"_a.noconvert(), "mottle"_a.noconvert(),
        "reach"_a.noconvert(), "profile_scale"_a.noconvert(), "height"_a, "width"_a,
        "Raise unless render_frames takes these tables.");
  m.def("render_frames", &render_frames, "frames"_a.noconvert(), "offsets"_a.noconvert(), "cells"_a.noconvert(),
        "outlines"_a.noconvert(), "profiles"_a.noconvert(), "texture"_a.noconvert(), "mottle"_a.noconvert(),
        "reach"_a.noconvert(), "profile_scale"_a.noconvert(), "pixels"_a.noconvert(), "labels"_a.noconvert(),
        "threads"_a = 1, "instructions"_a = "best",
        "Render synthetic frames and their truth labels into `pixels` and `labels`.");
}
