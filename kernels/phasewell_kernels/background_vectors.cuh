// background_vectors.cuh: prefix sums along the difference of two rows, 64 columns at a time on a CPU with AVX-512.
//
// Bytes are added up within four columns, those sums within a vector, and both are joined in 16 bits. A difference of
// offsets is at most `reach`, so four fit a byte up to a reach of 31 (the plain form takes over beyond).
#ifndef PHASEWELL_BACKGROUND_VECTORS_CUH
#define PHASEWELL_BACKGROUND_VECTORS_CUH
#include "grid.cuh"

#if defined(__AVX512BW__) && !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_BACKGROUND_VECTORS
#include <immintrin.h>
#endif

namespace pw {

// Whether vectors did the work: counts[x], sums[x] = sum over columns 0..x of what the entering row (or null) has more
// than the leaving one (or null); up to 63 entries beyond the width are written as well.
template <typename Row>
PW_DEVICE bool sum_in_vectors(const uint8_t*, const uint8_t*, int32_t, int32_t, int32_t, Row*, Row*) {
  return false;
}

#ifdef PW_BACKGROUND_VECTORS
struct RowVectors {
  __m512i offsets, counts;
};

// offsets and counts (bytes, counts as 0 or -1) of 64 columns; zeros where `valid` is 0
PW_DEVICE RowVectors read_offsets(const uint8_t* row, __mmask64 valid, __m512i base, __m512i reach) {
  const __m512i offset = _mm512_sub_epi8(_mm512_maskz_loadu_epi8(valid, row), base);
  const __mmask64 inside = _mm512_mask_cmple_epu8_mask(valid, offset, reach);
  return {_mm512_maskz_mov_epi8(inside, offset), _mm512_movm_epi8(inside)};
}

// each byte becomes the sum of the bytes up to it within four
PW_DEVICE __m512i add_within_four(__m512i bytes) {
  bytes = _mm512_add_epi8(bytes, _mm512_slli_epi32(bytes, 8));
  return _mm512_add_epi8(bytes, _mm512_slli_epi32(bytes, 16));
}

// 64 columns: bytes, and word `places[i]` of `before` for each four of them
PW_DEVICE void store_sums(__m512i bytes, __m512i before, __m512i places, int16_t* to) {
  const __m512i next = _mm512_add_epi16(places, _mm512_set1_epi16(16));
  const __m512i left = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(bytes));
  const __m512i right = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(bytes, 1));
  _mm512_storeu_si512(to, _mm512_add_epi16(left, _mm512_permutexvar_epi16(places, before)));
  _mm512_storeu_si512(to + 32, _mm512_add_epi16(right, _mm512_permutexvar_epi16(next, before)));
}

PW_ROW_CODE bool sum_in_vectors(const uint8_t* __restrict__ entering, const uint8_t* __restrict__ leaving,
                                int32_t width, int32_t base, int32_t reach, int16_t* __restrict__ counts,
                                int16_t* __restrict__ sums) {
  if (reach > 31) return false;
  const __mmask64 enters = entering ? ~(__mmask64)0 : 0, leaves = leaving ? ~(__mmask64)0 : 0;
  if (!entering) entering = leaving;  // anything that may be read
  if (!leaving) leaving = entering;
  const __m512i bases = _mm512_set1_epi8((char)base), reaches = _mm512_set1_epi8((char)reach);
  const __m512i fours = _mm512_srli_epi16(_mm512_cvtepi8_epi16(_mm256_set_epi64x(
      0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x0f0e0d0c0b0a0908, 0x0706050403020100)), 2);
  const __m512i sum_places = _mm512_slli_epi16(fours, 1);
  const __m512i count_places = _mm512_add_epi16(sum_places, _mm512_set1_epi16(1));
  const __m512i last = _mm512_set1_epi32(15), zero = _mm512_setzero_si512();
  __m512i carry = zero;  // sums before these columns: low words offsets, high words counts
  for (int32_t x = 0; x < width; x += 64) {
    const __mmask64 valid = width - x < 64 ? ((__mmask64)1 << (width - x)) - 1 : ~(__mmask64)0;
    const RowVectors in = read_offsets(entering + x, valid & enters, bases, reaches);
    const RowVectors out = read_offsets(leaving + x, valid & leaves, bases, reaches);
    const __m512i offset = add_within_four(_mm512_sub_epi8(in.offsets, out.offsets));
    const __m512i count = add_within_four(_mm512_sub_epi8(out.counts, in.counts));
    const __m512i four =
        _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srai_epi32(offset, 24), _mm512_srai_epi32(count, 8));
    __m512i sum = _mm512_add_epi16(four, _mm512_alignr_epi32(four, zero, 15));
    sum = _mm512_add_epi16(sum, _mm512_alignr_epi32(sum, zero, 14));
    sum = _mm512_add_epi16(sum, _mm512_alignr_epi32(sum, zero, 12));
    sum = _mm512_add_epi16(sum, _mm512_alignr_epi32(sum, zero, 8));
    const __m512i before = _mm512_add_epi16(_mm512_sub_epi16(sum, four), carry);
    carry = _mm512_add_epi16(carry, _mm512_permutexvar_epi32(last, sum));
    store_sums(offset, before, sum_places, sums + x);
    store_sums(count, before, count_places, counts + x);
  }
  return true;
}

// move_columns of background.cuh, 64 columns
PW_DEVICE bool move_columns(const int16_t* __restrict__ counts, const int16_t* __restrict__ sums, int32_t x, int32_t,
                            int32_t size, int16_t* __restrict__ area, int16_t* __restrict__ rest,
                            int16_t* __restrict__ mean) {
  const __m512i one = _mm512_set1_epi16(1);
  __mmask32 wrong = 0;
  for (const int32_t end = x + 64; x < end; x += 32) {
    const __m512i count = _mm512_sub_epi16(_mm512_loadu_si512(counts + x + size), _mm512_loadu_si512(counts + x));
    const __m512i sum = _mm512_sub_epi16(_mm512_loadu_si512(sums + x + size), _mm512_loadu_si512(sums + x));
    const __m512i whole = _mm512_add_epi16(_mm512_loadu_si512(area + x), count);
    __m512i level = _mm512_loadu_si512(mean + x);
    __m512i left = _mm512_sub_epi16(sum, _mm512_mullo_epi16(level, count));
    left = _mm512_add_epi16(left, _mm512_loadu_si512(rest + x));
    const __mmask32 below = _mm512_movepi16_mask(left);
    left = _mm512_mask_add_epi16(left, below, left, whole);
    level = _mm512_mask_sub_epi16(level, below, level, one);
    const __mmask32 above = _mm512_cmpge_epi16_mask(left, whole);
    left = _mm512_mask_sub_epi16(left, above, left, whole);
    level = _mm512_mask_add_epi16(level, above, level, one);
    wrong |= _mm512_cmpge_epu16_mask(left, whole);
    _mm512_storeu_si512(area + x, whole);
    _mm512_storeu_si512(rest + x, left);
    _mm512_storeu_si512(mean + x, level);
  }
  return wrong != 0;
}
#endif

}  // namespace pw
#endif
