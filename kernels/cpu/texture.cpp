// texture.cpp: steps 2 and 3 on a CPU, frame by frame.
#include "texture.hpp"

static void measure(const uint8_t* grey, int32_t height, int32_t width, int32_t half, uint32_t* energy,
                    uint32_t* counts, pw::Scratch scratch) {
  const pw::Scratch fast = {scratch.at + pw::measure_energy_frame_bytes(width)};
  pw::measure_energy<uint32_t>(grey, height, width, half, 0, 0, 0, energy, nullptr, counts, scratch, fast);
}

static void find_levels(const uint32_t* energies, int32_t count, int32_t* levels, pw::Scratch scratch) {
  auto* adjust = pw::take<int32_t>(scratch, pw::LEVEL_BUCKETS);
  pw::fill_level_adjustments(adjust);
  PW_EACH(i, count) levels[i] = pw::find_level(energies[i], adjust);
}

static int32_t choose_threshold(const uint32_t* counts, int32_t percent, int32_t floor, int32_t cap) {
  return pw::choose_threshold(counts, percent, floor, cap);
}

static int32_t binarise(const uint8_t* grey, int32_t height, int32_t width, const pw::ForegroundNumbers& numbers,
                        uint64_t* plane, pw::Scratch scratch) {
  const pw::Scratch fast = {scratch.at + pw::find_foreground_bytes(height, width, numbers)};
  return pw::find_foreground(grey, height, width, numbers, plane, scratch, fast);
}

PW_TABLE(TextureTable, texture) = {measure, find_levels, choose_threshold, binarise};
