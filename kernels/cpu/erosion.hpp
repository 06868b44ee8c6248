// erosion.hpp: the table of the erosion kernel.
#ifndef PHASEWELL_CPU_EROSION_HPP
#define PHASEWELL_CPU_EROSION_HPP
#include "../phasewell_kernels/erosion.cuh"
#include "tables.hpp"

struct ErosionTable {
  void (*erode)(const uint64_t* plane, int32_t height, int32_t width, int32_t radius, uint64_t* out,
                pw::Scratch scratch);
};
PW_DECLARE_TABLES(ErosionTable, erosion);
#endif
