// background.cpp: step 1 on a CPU.
#include "background.hpp"

static void adjust(const uint8_t* pixels, int32_t height, int32_t width, int32_t half, int32_t tolerance, uint8_t* grey,
                   pw::Scratch scratch) {
  const pw::Scratch fast = scratch;
  pw::take<char>(scratch, pw::adjust_frame_fast_bytes(width));
  pw::adjust_frame(pixels, height, width, half, tolerance, grey, fast, scratch);
}

PW_TABLE(BackgroundTable, background) = {adjust};
