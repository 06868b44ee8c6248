// threshold.cuh: step 3 of the segmentation: levels of energies, Otsu's threshold on them, and binarisation.
//
// Level L of an energy E is 16 log2(E + 1), rounded to nearest. Levels are found without logarithms: with E + 1 written
// as 2^e (1 + m / 2^23), level = 16 e + number of octave starts passed by m. The starts lie more than 1/32 octave apart
// in m, so each of 32 buckets of m holds at most one, and one addition of that bucket's adjustment carries m over a
// multiple of 2^19 exactly where the level rises. m is exact: E + 1 < 2^24.
//
// Ranges: E <= 520,200, so levels are 0..304. Counts, W <= 2^24 px; level sums S < 2^33; S w - s W < 2^57 in size; its
// square times w (W - w) <= 2^46 is below 2^160 and is compared in three 64-bit limbs.
// Bytes per frame: binarise reads the energy once and writes a plane of 1/8 byte a pixel.
#ifndef PHASEWELL_THRESHOLD_CUH
#define PHASEWELL_THRESHOLD_CUH
#include "plane.cuh"
#include "energy_vectors.cuh"

namespace pw {

constexpr int32_t LEVELS = 320;      // length of a histogram of levels; the last ones stay 0
constexpr int32_t LEVEL_BUCKETS = 32;
constexpr int32_t ENERGY_LIMIT = 520200;  // largest energy of 8-bit frames: (1020^2 + 1020^2) / 4

// ceil(2^((j + 1/2) / 16) 2^23) - 2^23: least m of level 16 e + j + 1
PW_CONSTANT int32_t OCTAVE_STARTS[16] = {183687,  563215,  959546,  1373424, 1805626, 2256964, 2728283, 3220470,
                                         3734448, 4271181, 4831678, 5416990, 6028216, 6666503, 7333050, 8029107};
// floor(2^(j / 16) 2^20)
PW_CONSTANT int32_t OCTAVE_ROOTS[16] = {1048576, 1095000, 1143480, 1194106, 1246974, 1302182, 1359834, 1420039,
                                        1482910, 1548564, 1617125, 1688721, 1763487, 1841563, 1923096, 2008239};

// adjust[b] for find_level, (LEVEL_BUCKETS)
PW_BLOCK_CODE void fill_level_adjustments(int32_t* adjust) {
  PW_EACH(b, LEVEL_BUCKETS) {
    int32_t below = 0, value = 0;
    bool holds_start = false;
    for (int32_t j = 0; j < 16; ++j) {
      const int32_t start = OCTAVE_STARTS[j];
      below += start >> 18 < b;
      if (start >> 18 == b) {
        holds_start = true;
        value = start;
      }
    }
    adjust[b] = holds_start ? ((below + 1) << 19) - value : (below << 19) - (b << 18);
  }
  PW_BARRIER();
}

PW_DEVICE int32_t find_level(uint32_t energy, const int32_t* adjust) {
  const uint32_t above = energy + 1;  // range [1, 2^24)
  const int32_t exponent = highest_bit(above);
  const int32_t place = (exponent << 23) + (int32_t)((above << (23 - exponent)) - (1u << 23));  // e 2^23 + m
  return (place + adjust[(place >> 18) & (LEVEL_BUCKETS - 1)]) >> 19;
}

// floor(2^(level / 16)) - 1; levels from 320 on all give 2^20 - 1, which is above every threshold
PW_DEVICE int32_t level_energy(int32_t level) {
  if (level >= 320) return (1 << 20) - 1;
  return (OCTAVE_ROOTS[level & 15] >> (20 - (level >> 4))) - 1;
}

// 64 x 64 -> 128 bits
PW_DEVICE void multiply_wide(uint64_t a, uint64_t b, uint64_t& upper, uint64_t& lower) {
  const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  const uint64_t low_low = a0 * b0, low_high = a0 * b1, high_low = a1 * b0;
  const uint64_t middle = (low_low >> 32) + (uint32_t)low_high + (uint32_t)high_low;  // < 3 2^32
  lower = (middle << 32) | (uint32_t)low_low;
  upper = a1 * b1 + (low_high >> 32) + (high_low >> 32) + (middle >> 32);
}

struct Limbs {  // an unsigned number of 192 bits
  uint64_t top, middle, bottom;
};

// n^2 d, n < 2^57, d <= 2^46
PW_DEVICE Limbs square_times(uint64_t n, uint64_t d) {
  uint64_t upper, lower, carried;
  Limbs product;
  multiply_wide(n, n, upper, lower);
  multiply_wide(lower, d, carried, product.bottom);
  multiply_wide(upper, d, product.top, product.middle);
  product.middle += carried;
  product.top += product.middle < carried;
  return product;
}

PW_DEVICE bool exceeds(const Limbs& a, const Limbs& b) {
  if (a.top != b.top) return a.top > b.top;
  if (a.middle != b.middle) return a.middle > b.middle;
  return a.bottom > b.bottom;
}

// Level up to which pixels are background: maximises (S w - s W)^2 / (w (W - w)), the lowest of equally good ones;
// w, s = count and level sum of the background, W, S = those of the frame. counts: (LEVELS)
PW_DEVICE int32_t otsu_level(const uint32_t* counts) {
  int64_t total = 0, level_sum = 0;
  for (int32_t level = 0; level < LEVELS; ++level) {
    total += counts[level];
    level_sum += (int64_t)counts[level] * level;
  }
  int32_t best = -1, last = 0;
  uint64_t best_root = 0, best_denominator = 1;
  int64_t below = 0, below_sum = 0;
  for (int32_t level = 0; level < LEVELS && below < total; ++level) {
    if (counts[level] == 0) continue;
    last = level;
    below += counts[level];
    below_sum += (int64_t)counts[level] * level;
    if (below == total) break;
    const int64_t difference = level_sum * below - below_sum * total;
    const uint64_t root = (uint64_t)(difference < 0 ? -difference : difference);
    const uint64_t denominator = (uint64_t)below * (uint64_t)(total - below);
    if (best < 0 || exceeds(square_times(root, best_denominator), square_times(best_root, denominator))) {
      best = level;
      best_root = root;
      best_denominator = denominator;
    }
  }
  return best < 0 ? last : best;
}

// The threshold of a frame: Otsu's level times percent / 100, back to energy, clamped. Every thread computes it.
// percent 1..200; floor, cap 0..ENERGY_LIMIT
PW_DEVICE int32_t choose_threshold(const uint32_t* counts, int32_t percent, int32_t floor, int32_t cap) {
  return low(cap, high(floor, level_energy(otsu_level(counts) * percent / 100)));
}

// bit x of the result: energy[x] > threshold, x in [0, count), count <= 64, threshold >= 0
template <typename Energy>
PW_DEVICE uint64_t pack_above(const Energy* __restrict__ energy, int32_t count, int32_t threshold) {
  const uint32_t most = (uint32_t)(Energy)~(Energy)0;
  const Energy least = (Energy)((uint32_t)threshold < most ? (uint32_t)threshold : most);
  return pack_bits(count, [=](int32_t x) { return (uint8_t)(energy[x] > least ? 1 : 0); });
}

// plane: energy > threshold, and `stands` where that is not null. energy: (height, width) of a type whose maximum is
// above the threshold
template <typename Energy>
PW_BLOCK_CODE void binarise(const Energy* energy, int32_t height, int32_t width, int32_t threshold,
                            const uint64_t* stands, uint64_t* plane) {
  const int32_t words = plane_words(width);
  PW_EACH_2D(y, w, 0, height, 0, words) {
    const Energy* piece = energy + (int64_t)y * width + w * 64;
    const int64_t at = (int64_t)y * words + w;
#ifdef PW_VECTORS
    const uint64_t above = pack_above_vector(piece, low(64, width - w * 64), threshold);
#else
    const uint64_t above = pack_above(piece, low(64, width - w * 64), threshold);
#endif
    plane[at] = stands ? above & stands[at] : above;
  }
  PW_BARRIER();
}

}  // namespace pw
#endif
