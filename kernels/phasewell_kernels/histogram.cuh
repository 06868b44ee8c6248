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

constexpr int32_t LEVEL_PAIRS = GREY_LEVELS * GREY_LEVELS;

#if !defined(PW_CUDA) && !defined(PW_EMULATED)
PW_DEVICE void clear_pairs(uint32_t* pairs) {
  for (int32_t i = 0; i < LEVEL_PAIRS; ++i) pairs[i] = 0;
}

// Counts values two by two, pairs (LEVEL_PAIRS), row = the second value of a pair; besides half the additions, there is
// no wait for the last one to the same entry where neighbours are not the same twice. Returns how many are counted: all
// but up to seven at the end.
PW_ROW_CODE int32_t count_pairs(const uint8_t* __restrict__ values, int32_t size, uint32_t* __restrict__ pairs) {
  int32_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t eight;
    __builtin_memcpy(&eight, values + i, 8);
    ++pairs[eight & 0xffff];
    ++pairs[(eight >> 16) & 0xffff];
    ++pairs[(eight >> 32) & 0xffff];
    ++pairs[eight >> 48];
  }
  return i;
}

// adds counted pairs to the counts (GREY_LEVELS) of values
PW_DEVICE void add_pairs(const uint32_t* __restrict__ pairs, uint32_t* __restrict__ counts) {
  for (int32_t second = 0; second < GREY_LEVELS; ++second) {
    uint32_t sum = 0;
    for (int32_t first = 0; first < GREY_LEVELS; ++first) {
      counts[first] += pairs[second * GREY_LEVELS + first];
      sum += pairs[second * GREY_LEVELS + first];
    }
    counts[second] += sum;
  }
}
#endif

// bytes of `frame` scratch
constexpr int64_t count_levels_bytes(int64_t size) {
  return size < PAIRED_PIXELS ? 0 : taken_bytes(LEVEL_PAIRS, sizeof(uint32_t));
}

// counts (GREY_LEVELS) of values (size); on a GPU counts should lie in shared memory, and `frame` is not used
PW_DEVICE void count_levels(const uint8_t* __restrict__ values, int32_t size, uint32_t* __restrict__ counts,
                            [[maybe_unused]] Scratch frame) {
  PW_EACH(level, GREY_LEVELS) counts[level] = 0;
  PW_BARRIER();
  int32_t done = 0;
#if !defined(PW_CUDA) && !defined(PW_EMULATED)
  if (size >= PAIRED_PIXELS) {
    uint32_t* pairs = take<uint32_t>(frame, LEVEL_PAIRS);
    clear_pairs(pairs);
    done = count_pairs(values, size, pairs);
    add_pairs(pairs, counts);
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
