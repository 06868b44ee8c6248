// plane.cuh: a binary image as a bit plane, and the runs of set bits in its rows.
//
// A plane is (height, plane_words(width)) uint64: bit x % 64 of word x / 64 is column x; bits beyond the width are 0.
// 1000 x 1000 px take 128,000 bytes. Runs are pieces of a row, in raster order; 4096 x 4096 px hold at most
// 4096 x 2048 = 2^23 of them, and coordinates fit 16 bits up to 65,535.
#ifndef PHASEWELL_PLANE_CUH
#define PHASEWELL_PLANE_CUH
#include "grid.cuh"

namespace pw {

PW_DEVICE int32_t plane_words(int32_t width) { return (width + 63) / 64; }

// the valid bits of a row's last word
PW_DEVICE uint64_t last_word_mask(int32_t width) {
  return width % 64 ? ((uint64_t)1 << (width % 64)) - 1 : ~(uint64_t)0;
}

// word w of the row's background: the complement within the width
PW_DEVICE uint64_t inverted(const uint64_t* row, int32_t w, int32_t words, int32_t width) {
  return ~row[w] & (w == words - 1 ? last_word_mask(width) : ~(uint64_t)0);
}

// bit x of the result: test(x), 0 or 1, x in [0, count), count <= 64
template <typename Test>
PW_DEVICE uint64_t pack_bits(int32_t count, Test test) {
  uint64_t bits = 0;
#if defined(PW_CUDA) || defined(PW_EMULATED)
  for (int32_t x = 0; x < count; ++x) bits |= (uint64_t)test(x) << x;
#else
  uint8_t flags[64] = {};  // the compiler makes vectors of this, and no vectors of bits
  for (int32_t x = 0; x < count; ++x) flags[x] = test(x);
  for (int32_t i = 0; i < 8; ++i) {
    uint64_t eight;
    __builtin_memcpy(&eight, flags + 8 * i, 8);
    bits |= (eight * 0x0102040810204080) >> 56 << (8 * i);  // byte k, the k-th lowest, arrives at bit 56 + k
  }
#endif
  return bits;
}

// sets labels of `count` columns (1..64) to 0 but those of the word's pixels
PW_DEVICE void clear_outside(uint64_t word, int32_t* labels, int32_t count) {
  if (word == 0) {
    for (int32_t x = 0; x < count; ++x) labels[x] = 0;
    return;
  }
  for (int32_t x = 0; x < count; ++x) labels[x] = word >> x & 1 ? labels[x] : 0;
}

#if !defined(PW_CUDA) && !defined(PW_EMULATED)
// flags[x] (64) = bit x of the word, as 0 or 255
PW_DEVICE void unpack_bits(uint64_t word, uint8_t* flags) {
  for (int32_t i = 0; i < 8; ++i) {
    const uint64_t byte = word >> (8 * i) & 255, places = byte * 0x0101010101010101 & 0x8040201008040201;
    const uint64_t set = ((places + 0x7f7f7f7f7f7f7f7f) | places) & 0x8080808080808080;  // byte k: its bit k, on top
    const uint64_t all = (set >> 7) * 255;
    __builtin_memcpy(flags + 8 * i, &all, 8);
  }
}
#endif

}  // namespace pw
#endif
