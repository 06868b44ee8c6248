// quality.hpp: the table of the quality kernel.
#ifndef PHASEWELL_CPU_QUALITY_HPP
#define PHASEWELL_CPU_QUALITY_HPP
#include "../phasewell_kernels/quality.cuh"
#include "tables.hpp"

struct QualityTable {
  void (*sum)(const uint8_t* pixels, int32_t height, int32_t width, int64_t* integers, uint32_t* rows,
              uint32_t* columns,
              pw::Scratch scratch);
};
PW_DECLARE_TABLES(QualityTable, quality);
#endif
