// split.hpp: the table of the kernel that parts touching cells.
#ifndef PHASEWELL_CPU_SPLIT_HPP
#define PHASEWELL_CPU_SPLIT_HPP
#include "../phasewell_kernels/split.cuh"
#include "tables.hpp"

struct SplitTable {
  int32_t (*split_pieces)(const uint64_t* plane, const uint8_t* grey, int32_t height, int32_t width, int32_t depth,
                          int32_t seam_level, bool remove_touching, int32_t* labels, pw::LabelRuns found,
                          pw::Scratch frame);
};
PW_DECLARE_TABLES(SplitTable, split);
#endif
