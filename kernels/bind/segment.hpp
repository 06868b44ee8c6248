// segment.hpp: a recipe as it comes from Python.
#ifndef PHASEWELL_BIND_SEGMENT_HPP
#define PHASEWELL_BIND_SEGMENT_HPP
#include "../cpu/segment.hpp"
#include "door.hpp"

pw::Recipe read_recipe(const int32_t* numbers);  // ValueError for numbers out of range

inline int64_t segment_scratch_bytes(int64_t height, int64_t width, const pw::Recipe& recipe) {
  return pw::segment_frame_fast_bytes(height, width, recipe) + pw::plane_bytes(height, width) +
         pw::segment_frame_bytes(height, width, recipe);
}
#endif
