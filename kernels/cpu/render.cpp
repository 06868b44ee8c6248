// render.cpp: synthetic frames on a CPU, tile by tile.
#include "render.hpp"

static void render(const pw::RenderFrame& frame, const pw::RenderCell* cells, const int16_t* outlines, int32_t n,
                   const int16_t* profiles, const int8_t* texture, const int8_t* mottle, int32_t reach,
                   int32_t profile_scale, int32_t height, int32_t width, uint8_t* pixels, int32_t* labels,
                   pw::Scratch scratch) {
  auto* body = pw::take<int16_t>(scratch, pw::TILE_H * pw::TILE_W);
  auto* halo = pw::take<int16_t>(scratch, pw::TILE_H * pw::TILE_W);
  auto* owner = pw::take<int32_t>(scratch, pw::TILE_H * pw::TILE_W);
  const int32_t rows = (height + pw::TILE_H - 1) / pw::TILE_H, columns = (width + pw::TILE_W - 1) / pw::TILE_W;
  for (int32_t tile = 0; tile < rows * columns; ++tile)
    pw::render_tile(frame, cells, outlines, n, profiles, texture, mottle, reach, profile_scale, height, width,
                    tile / columns, tile % columns, body, halo, owner, pixels, labels);
}

PW_TABLE(RenderTable, render) = {render};
