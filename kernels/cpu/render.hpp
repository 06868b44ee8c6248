// render.hpp: the table of the render kernel.
#ifndef PHASEWELL_CPU_RENDER_HPP
#define PHASEWELL_CPU_RENDER_HPP
#include "../phasewell_kernels/render.cuh"
#include "tables.hpp"

struct RenderTable {
  void (*render)(const pw::RenderFrame& frame, const pw::RenderCell* cells, const int16_t* outlines, int32_t n,
                 const int16_t* profiles, const int8_t* texture, const int8_t* mottle, int32_t reach,
                 int32_t profile_scale, int32_t height, int32_t width, uint8_t* pixels, int32_t* labels,
                 pw::Scratch scratch);
};
PW_DECLARE_TABLES(RenderTable, render);
#endif
