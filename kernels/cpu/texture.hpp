// texture.hpp: the table of the kernels of steps 2 and 3.
#ifndef PHASEWELL_CPU_TEXTURE_HPP
#define PHASEWELL_CPU_TEXTURE_HPP
#include "../phasewell_kernels/texture.cuh"
#include "tables.hpp"

struct TextureTable {
  // energies (height, width) of a frame, unclipped, and counts (LEVELS) of their levels
  void (*measure)(const uint8_t* grey, int32_t height, int32_t width, int32_t half, uint32_t* energy, uint32_t* counts,
                  pw::Scratch scratch);
  void (*levels)(const uint32_t* energies, int32_t count, int32_t* levels, pw::Scratch scratch);
  int32_t (*threshold)(const uint32_t* counts, int32_t percent, int32_t floor, int32_t cap);
  // plane of a frame's foreground; returns its threshold. Takes find_foreground_bytes, then measure_energy_bytes.
  int32_t (*binarise)(const uint8_t* grey, int32_t height, int32_t width, const pw::ForegroundNumbers& numbers,
                      uint64_t* plane, pw::Scratch scratch);
};
PW_DECLARE_TABLES(TextureTable, texture);
#endif
