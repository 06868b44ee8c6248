// energy_vectors.cuh: AVX-512 forms of the hot loops of texture.cuh and threshold.cuh, with the same bits.
//
// Compilers leave these loops scalar or use twice the instructions: a multiplication of 16-bit pairs, the upper half of
// a product, a table held in two registers, saturated narrowing, comparisons to bits.
#ifndef PHASEWELL_ENERGY_VECTORS_CUH
#define PHASEWELL_ENERGY_VECTORS_CUH
#include "grid.cuh"
#if defined(__AVX512BW__) && defined(__AVX512DQ__) && !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_ENERGY_VECTORS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // undefined vectors on purpose inside the header of gcc 12
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

namespace pw {

PW_DEVICE __m512i grey_vector(const uint8_t* at) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i*)at));
}

// second - first of three neighbours, the middle one twice; 16-bit lanes
PW_DEVICE __m512i sobel_vector(const uint8_t* first[3], const uint8_t* second[3]) {
  const __m512i outer = _mm512_add_epi16(_mm512_sub_epi16(grey_vector(second[0]), grey_vector(first[0])),
                                         _mm512_sub_epi16(grey_vector(second[2]), grey_vector(first[2])));
  const __m512i middle = _mm512_sub_epi16(grey_vector(second[1]), grey_vector(first[1]));
  return _mm512_add_epi16(outer, _mm512_slli_epi16(middle, 1));
}

// squared gradients of columns [x, x + 32) of three rows; `squares` of 32 lanes in two vectors
PW_DEVICE void squared_gradient_vectors(const uint8_t* above, const uint8_t* row, const uint8_t* below, int32_t x,
                                        __m512i squares[2]) {
  const uint8_t* left[3] = {above + x - 1, row + x - 1, below + x - 1};
  const uint8_t* right[3] = {above + x + 1, row + x + 1, below + x + 1};
  const uint8_t* upper[3] = {above + x - 1, above + x, above + x + 1};
  const uint8_t* lower[3] = {below + x - 1, below + x, below + x + 1};
  const __m512i gx = sobel_vector(left, right), gy = sobel_vector(upper, lower);
  const __m512i even = _mm512_unpacklo_epi16(gx, gy), odd = _mm512_unpackhi_epi16(gx, gy);  // groups of 4 columns
  const __m512i even_squares = _mm512_madd_epi16(even, even), odd_squares = _mm512_madd_epi16(odd, odd);
  const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i second = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  squares[0] = _mm512_permutex2var_epi32(even_squares, first, odd_squares);
  squares[1] = _mm512_permutex2var_epi32(even_squares, second, odd_squares);
}

// Columns from 1 on, up to 32 at a time, that lie inside a row of `width`: see add_gradients. Returns the first column
// that is left to do.
PW_DEVICE int32_t add_gradients_vector(const uint8_t* above, const uint8_t* row, const uint8_t* below, int32_t width,
                                       bool slide, uint32_t* ring, uint32_t* column) {
  int32_t x = 1;
  for (; x + 33 <= width; x += 32) {
    __m512i squares[2];
    squared_gradient_vectors(above, row, below, x, squares);
    for (int32_t i = 0; i < 2; ++i) {
      void* at = ring + x + 16 * i;
      if (slide) {
        void* sum = column + x + 16 * i;
        const __m512i change = _mm512_sub_epi32(squares[i], _mm512_loadu_si512(at));
        _mm512_storeu_si512(sum, _mm512_add_epi32(_mm512_loadu_si512(sum), change));
      }
      _mm512_storeu_si512(at, squares[i]);
    }
  }
  return x;
}

// total[x] = column[x - half] + .. + column[x + half] for x in [0, width), up to 15 more entries written: running sums
// of what enters and leaves. column[-half - 1] is read too, and cancels.
PW_DEVICE void sum_windows_vector(const uint32_t* __restrict__ column, int32_t half, int32_t width,
                                  uint32_t* __restrict__ total) {
  uint32_t start = 0;
  for (int32_t x = -half - 1; x < half; ++x) start += column[x];
  const __m512i zero = _mm512_setzero_si512(), last = _mm512_set1_epi32(15);
  __m512i before = _mm512_set1_epi32((int32_t)start);
  for (int32_t x = 0; x < width; x += 16) {
    __m512i sums = _mm512_sub_epi32(_mm512_loadu_si512(column + x + half), _mm512_loadu_si512(column + x - half - 1));
    sums = _mm512_add_epi32(sums, _mm512_alignr_epi32(sums, zero, 15));
    sums = _mm512_add_epi32(sums, _mm512_alignr_epi32(sums, zero, 14));
    sums = _mm512_add_epi32(sums, _mm512_alignr_epi32(sums, zero, 12));
    sums = _mm512_add_epi32(_mm512_add_epi32(sums, before), _mm512_alignr_epi32(sums, zero, 8));
    _mm512_store_si512(total + x, sums);
    before = _mm512_permutexvar_epi32(last, sums);
  }
}

// numbers below 2^31 divided as `divide` does
PW_DEVICE __m512i divide_vector(__m512i n, __m512i multiplier, __m128i shift) {
  const __m512i even = _mm512_srl_epi64(_mm512_mul_epu32(n, multiplier), shift);
  const __m512i odd = _mm512_srl_epi64(_mm512_mul_epu32(_mm512_srli_epi64(n, 32), multiplier), shift);
  return _mm512_mask_shuffle_epi32(even, 0xaaaa, odd, _MM_PERM_CCAA);
}

// level of each energy as `find_level` finds it: a float of E + 1 is exact, and its bits are the exponent and m
PW_DEVICE __m512i level_vector(__m512i energy, __m512i lower_adjust, __m512i upper_adjust) {
  const __m512i place = _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_add_epi32(energy, _mm512_set1_epi32(1))));
  const __m512i adjust = _mm512_permutex2var_epi32(lower_adjust, _mm512_srli_epi32(place, 18), upper_adjust);
  return _mm512_srli_epi32(_mm512_add_epi32(place, adjust), 19);
}

PW_DEVICE void store_clipped(uint8_t* at, __mmask16 lanes, __m512i energy) {
  _mm512_mask_cvtusepi32_storeu_epi8(at, lanes, energy);
}
PW_DEVICE void store_clipped(uint16_t* at, __mmask16 lanes, __m512i energy) {
  _mm512_mask_cvtusepi32_storeu_epi16(at, lanes, energy);
}
PW_DEVICE void store_clipped(uint32_t* at, __mmask16 lanes, __m512i energy) {
  _mm512_mask_storeu_epi32(at, lanes, energy);
}

// Replaces window sums by energies, in `total`; writes them clipped, and their levels, of which up to 15 more. Levels
// from 255 on are written as 255 and counted.
template <typename Energy>
PW_DEVICE void find_levels_vector(uint32_t* __restrict__ total, int32_t width, uint32_t multiplier, int32_t shift,
                                  const int32_t* adjust, Energy* __restrict__ energy, uint8_t* __restrict__ levels,
                                  uint32_t* __restrict__ counts) {
  const __m512i bias = _mm512_set1_epi32(127 << 23);  // of a float's exponent
  const __m512i lower_adjust = _mm512_sub_epi32(_mm512_loadu_si512(adjust), bias);
  const __m512i upper_adjust = _mm512_sub_epi32(_mm512_loadu_si512(adjust + 16), bias);
  const __m512i by = _mm512_set1_epi32((int32_t)multiplier);
  const __m128i right = _mm_cvtsi32_si128(shift);
  for (int32_t x = 0; x < width; x += 16) {
    const __mmask16 lanes = (__mmask16)(width - x < 16 ? (1 << (width - x)) - 1 : 0xffff);
    const __m512i e = divide_vector(_mm512_load_si512(total + x), by, right);
    _mm512_store_si512(total + x, e);
    store_clipped(energy + x, lanes, e);
    const __m512i level = level_vector(e, lower_adjust, upper_adjust);
    _mm_store_si128((__m128i*)(levels + x), _mm512_cvtusepi32_epi8(level));
    const __mmask16 large = _mm512_mask_cmpgt_epi32_mask(lanes, level, _mm512_set1_epi32(254));
    if (large) {
      int32_t each[16];
      _mm512_storeu_si512(each, level);
      for (int32_t i = 0; i < 16; ++i)
        if (large >> i & 1) ++counts[each[i]];
    }
  }
}

// Counts levels two by two, (256, 256) pairs: half the additions, and no wait for the last one to the same level where
// neighbours are not the same twice.
PW_DEVICE void count_energy_pairs(const uint8_t* __restrict__ levels, int32_t width, uint32_t* __restrict__ pairs,
                           uint32_t* __restrict__ counts) {
  int32_t x = 0;
  for (; x + 8 <= width; x += 8) {
    uint64_t eight;
    __builtin_memcpy(&eight, levels + x, 8);
    ++pairs[eight & 65535];
    ++pairs[eight >> 16 & 65535];
    ++pairs[eight >> 32 & 65535];
    ++pairs[eight >> 48];
  }
  for (; x < width; ++x)
    if (levels[x] < 255) ++counts[levels[x]];
}

// adds counted pairs to the counts of levels; level 255 has been counted
PW_DEVICE void unfold_pairs(const uint32_t* __restrict__ pairs, uint32_t* __restrict__ counts) {
  const uint32_t counted = counts[255];
  for (int32_t second = 0; second < 256; ++second) {
    uint32_t sum = 0;
    for (int32_t first = 0; first < 256; ++first) {
      sum += pairs[second * 256 + first];
      counts[first] += pairs[second * 256 + first];
    }
    counts[second] += sum;
  }
  counts[255] = counted;
}

// energies of a row clipped to 16 bits, reduced by a ratio, and which of the reduced ones exceed `floor`, as bits
PW_DEVICE void reduce_vector(const uint32_t* __restrict__ energy, int32_t width, uint32_t multiplier, int32_t shift,
                             int32_t floor, uint16_t* __restrict__ kept, uint16_t* __restrict__ reduced,
                             uint64_t* __restrict__ hot) {
  const __m512i by = _mm512_set1_epi32((int32_t)multiplier), least = _mm512_set1_epi32(floor);
  const bool power = multiplier == 1u << 31;  // a division by 2^(shift - 31)
  const __m128i right = _mm_cvtsi32_si128(power ? shift - 31 : shift);
  for (int32_t w = 0; w * 64 < width; ++w) {
    uint64_t bits = 0;
    for (int32_t x = w * 64; x < w * 64 + 64; x += 16) {
      const __mmask16 lanes = (__mmask16)(x + 16 <= width ? 0xffff : x < width ? (1 << (width - x)) - 1 : 0);
      const __m512i e = _mm512_maskz_load_epi32(lanes, energy + x);
      const __m512i quotient = power ? _mm512_srl_epi32(e, right) : divide_vector(e, by, right);
      _mm256_store_si256((__m256i*)(kept + x), _mm512_cvtusepi32_epi16(e));
      _mm256_store_si256((__m256i*)(reduced + x), _mm512_cvtepi32_epi16(quotient));
      bits |= (uint64_t)_mm512_cmpgt_epi32_mask(quotient, least) << (x & 63);
    }
    hot[w] = bits;
  }
}

// as pack_above
PW_DEVICE uint64_t pack_above_vector(const uint8_t* energy, int32_t count, int32_t threshold) {
  const __mmask64 lanes = ~(uint64_t)0 >> (64 - count);
  return _mm512_mask_cmpgt_epu8_mask(lanes, _mm512_maskz_loadu_epi8(lanes, energy), _mm512_set1_epi8((char)threshold));
}

template <typename Energy>
PW_DEVICE uint64_t pack_above_vector(const Energy* energy, int32_t count, int32_t threshold) {
  uint64_t bits = 0;
  for (int32_t x = 0; x < count; x += 16) {
    const __mmask16 lanes = (__mmask16)(count - x < 16 ? (1 << (count - x)) - 1 : 0xffff);
    const __m512i e = sizeof(Energy) == 2 ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, energy + x))
                                          : _mm512_maskz_loadu_epi32(lanes, energy + x);
    bits |= (uint64_t)_mm512_mask_cmpgt_epi32_mask(lanes, e, _mm512_set1_epi32(threshold)) << x;
  }
  return bits;
}

// bits of the lanes where a > b
PW_DEVICE uint64_t compare_vector(const uint16_t* a, const uint16_t* b) {
  const uint64_t lower = _mm512_cmpgt_epu16_mask(_mm512_load_si512(a), _mm512_load_si512(b));
  const uint64_t upper = _mm512_cmpgt_epu16_mask(_mm512_load_si512(a + 32), _mm512_load_si512(b + 32));
  return lower | upper << 32;
}

}  // namespace pw
#endif
#endif
