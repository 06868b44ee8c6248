// segment.hpp: the table of the segmentation of one frame.
#ifndef PHASEWELL_CPU_SEGMENT_HPP
#define PHASEWELL_CPU_SEGMENT_HPP
#include "../phasewell_kernels/segment.cuh"
#include "tables.hpp"

struct SegmentTable {
  int32_t (*segment)(const uint8_t* grey, int32_t height, int32_t width, const pw::Recipe& recipe, int32_t* labels,
                     pw::LabelRuns found, pw::Scratch scratch);
};
PW_DECLARE_TABLES(SegmentTable, segment);
#endif
