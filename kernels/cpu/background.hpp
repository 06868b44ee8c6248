// background.hpp: the table of the background kernel.
#ifndef PHASEWELL_CPU_BACKGROUND_HPP
#define PHASEWELL_CPU_BACKGROUND_HPP
#include "../phasewell_kernels/background.cuh"
#include "tables.hpp"

struct BackgroundTable {
  void (*adjust)(const uint8_t* pixels, int32_t height, int32_t width, int32_t half, int32_t tolerance, uint8_t* grey,
                 pw::Scratch scratch);
};
PW_DECLARE_TABLES(BackgroundTable, background);
#endif
