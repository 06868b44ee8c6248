// quality.cpp: the integer sums of a frame on a CPU.
#include "quality.hpp"

static void sum(const uint8_t* pixels, int32_t height, int32_t width, int64_t* integers, uint32_t* rows,
                uint32_t* columns, pw::Scratch scratch) {
  pw::sum_frame(pixels, height, width, integers, rows, columns, scratch);
}

PW_TABLE(QualityTable, quality) = {sum};
