// histogram.cuh: how often each level 0..255 occurs.
//
// Reads every value once (1 byte a pixel). On a CPU one increment a pixel is bound by stores, so large images are
// counted in pairs of neighbours: half the increments, into a table of 65,536 pairs that is added up at the end.
// Counts reach 2^24 (the largest frame) and fit 32 bits.
#ifndef PHASEWELL_HISTOGRAM_CUH
#define PHASEWELL_HISTOGRAM_CUH
#include "grid.cuh"

namespace pw {

constexpr int32_t GREY_LEVELS = 256;
constexpr int32_t PAIRED_PIXELS = 1 << 16;  // below this the table of pairs costs more than it saves

#if !defined(PW_CUDA) && !defined(PW_EMULATED)
// counts (GREY_LEVELS) of `size` values, an even number; table of GREY_LEVELS^2, row = the second value of a pair
PW_DEVICE void count_pairs(const uint8_t* __restrict__ values, int32_t size, uint32_t* __restrict__ counts,
                           uint32_t* __restrict__ table) {
  for (int32_t i = 0; i < GREY_LEVELS * GREY_LEVELS; ++i) table[i] = 0;
  int32_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t eight;
    __builtin_memcpy(&eight, values + i, 8);
    ++table[eight & 0xffff];
    ++table[(eight >> 16) & 0xffff];
    ++table[(eight >> 32) & 0xffff];
    ++table[eight >> 48];
  }
  for (; i < size; i += 2) ++table[values[i] | values[i + 1] << 8];
  for (int32_t second = 0; second < GREY_LEVELS; ++second) {
    uint32_t sum = 0;
    for (int32_t first = 0; first < GREY_LEVELS; ++first) {
      counts[first] += table[second * GREY_LEVELS + first];
      sum += table[second * GREY_LEVELS + first];
    }
    counts[second] += sum;
  }
}
#endif

// bytes of `frame` scratch
constexpr int64_t count_levels_bytes(int64_t size) {
  return size < PAIRED_PIXELS ? 0 : taken_bytes(GREY_LEVELS * GREY_LEVELS, sizeof(uint32_t));
}

// counts (GREY_LEVELS) of values (size); on a GPU counts should lie in shared memory, and `frame` is not used
PW_DEVICE void count_levels(const uint8_t* __restrict__ values, int32_t size, uint32_t* __restrict__ counts,
                            [[maybe_unused]] Scratch frame) {
  PW_EACH(level, GREY_LEVELS) counts[level] = 0;
  PW_BARRIER();
  int32_t done = 0;
#if !defined(PW_CUDA) && !defined(PW_EMULATED)
  if (size >= PAIRED_PIXELS) {
    done = size / 2 * 2;
    count_pairs(values, done, counts, take<uint32_t>(frame, GREY_LEVELS * GREY_LEVELS));
  }
#endif
  PW_EACH(i, size - done) atomic_add(counts[values[done + i]], 1u);
  PW_BARRIER();
}

// the most frequent level, the smallest of several
PW_DEVICE int32_t most_frequent(const uint32_t* counts) {
  int32_t mode = 0;
  for (int32_t level = 1; level < GREY_LEVELS; ++level)
    if (counts[level] > counts[mode]) mode = level;
  return mode;
}

}  // namespace pw
#endif
