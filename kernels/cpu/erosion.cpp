// erosion.cpp: step 5 on a CPU.
#include "erosion.hpp"

static void erode(const uint64_t* plane, int32_t height, int32_t width, int32_t radius, uint64_t* out,
                  pw::Scratch scratch) {
  pw::erode_plane(plane, height, width, radius, out, scratch);
}

PW_TABLE(ErosionTable, erosion) = {erode};
