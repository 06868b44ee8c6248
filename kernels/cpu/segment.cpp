// segment.cpp: steps 2 to 8 on a CPU, one frame on one thread.
#include "segment.hpp"

static int32_t segment(const uint8_t* grey, int32_t height, int32_t width, const pw::Recipe& recipe, int32_t* labels,
                       pw::LabelRuns found, pw::Scratch scratch) {
  const pw::Scratch fast{pw::take<char>(scratch, pw::segment_frame_fast_bytes(height, width, recipe))};
  auto* plane = pw::take<uint64_t>(scratch, pw::plane_bytes(height, width) / 8);
  return pw::segment_frame(grey, height, width, recipe, labels, found, plane, fast, scratch);
}

PW_TABLE(SegmentTable, segment) = {segment};
