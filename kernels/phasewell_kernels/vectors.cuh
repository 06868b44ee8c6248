// vectors.cuh: one vocabulary for the vectors of a CPU: 64 bytes with AVX-512, 32 with AVX2, so that a loop is written
// once for both. Where there is neither, on a GPU and in emulation PW_VECTORS is not defined and plain loops remain.
//
// A vector is a value: + - * & | << >> work lane by lane as on integers. What compilers do not find by themselves has a
// name here: narrowing and widening in the order of lanes, comparisons to bits, sums along a vector, tables.
#ifndef PHASEWELL_VECTORS_CUH
#define PHASEWELL_VECTORS_CUH
#include "grid.cuh"

#if defined(__AVX2__) && !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_VECTORS
#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define PW_WIDE_VECTORS
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // undefined vectors on purpose inside the header of gcc 12
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

namespace pw {

#ifdef PW_WIDE_VECTORS
constexpr int32_t VECTOR_BYTES = 64;
typedef __m512i Vector;
typedef __m256i HalfVector;
#else
constexpr int32_t VECTOR_BYTES = 32;
typedef __m256i Vector;
typedef __m128i HalfVector;
#endif
typedef uint8_t Vector8 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t Vector16 __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t Vector32 __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t Signed16 __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t Signed32 __attribute__((vector_size(VECTOR_BYTES)));
constexpr int32_t LANES_8 = VECTOR_BYTES, LANES_16 = VECTOR_BYTES / 2, LANES_32 = VECTOR_BYTES / 4;

constexpr uint64_t ALL_LANES_16 = ((uint64_t)1 << LANES_16) - 1;

PW_DEVICE Vector8 fill(uint8_t value) { return Vector8{} + value; }
PW_DEVICE Vector16 fill(uint16_t value) { return Vector16{} + value; }
PW_DEVICE Vector32 fill(uint32_t value) { return Vector32{} + value; }

template <typename V>
PW_DEVICE V read_vector(const void* at) {
  V value;
  __builtin_memcpy(&value, at, sizeof(V));
  return value;
}

template <typename V>
PW_DEVICE void write_vector(void* at, V value) { __builtin_memcpy(at, &value, sizeof(V)); }

// the first `bytes` of a vector, 0..VECTOR_BYTES
template <typename V>
PW_DEVICE void write_part(void* at, V value, int32_t bytes) {
  if (bytes == VECTOR_BYTES) {
    write_vector(at, value);
  } else {
    __builtin_memcpy(at, &value, (size_t)bytes);
  }
}

#ifdef PW_WIDE_VECTORS
PW_DEVICE Vector16 widen(const uint8_t* at) { return (Vector16)_mm512_cvtepu8_epi16(read_vector<HalfVector>(at)); }
// quarters of both, in the order that packing leaves, back to the order of lanes
PW_DEVICE Vector order_packed(Vector v) {
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), v);
}
PW_DEVICE Vector8 smaller(Vector8 a, Vector8 b) { return (Vector8)_mm512_min_epu8((Vector)a, (Vector)b); }
PW_DEVICE Vector16 larger(Vector16 a, Vector16 b) { return (Vector16)_mm512_max_epu16((Vector)a, (Vector)b); }
PW_DEVICE Vector16 smaller(Vector16 a, Vector16 b) { return (Vector16)_mm512_min_epu16((Vector)a, (Vector)b); }
#else
PW_DEVICE Vector16 widen(const uint8_t* at) { return (Vector16)_mm256_cvtepu8_epi16(read_vector<HalfVector>(at)); }
PW_DEVICE Vector order_packed(Vector v) { return _mm256_permute4x64_epi64(v, 0xd8); }
PW_DEVICE Vector8 smaller(Vector8 a, Vector8 b) { return (Vector8)_mm256_min_epu8((Vector)a, (Vector)b); }
PW_DEVICE Vector16 larger(Vector16 a, Vector16 b) { return (Vector16)_mm256_max_epu16((Vector)a, (Vector)b); }
PW_DEVICE Vector16 smaller(Vector16 a, Vector16 b) { return (Vector16)_mm256_min_epu16((Vector)a, (Vector)b); }
#endif

// lanes of two vectors one after the other, clipped; those of 32 bits are below 2^31
PW_DEVICE Vector16 narrow(Vector32 a, Vector32 b) {
#ifdef PW_WIDE_VECTORS
  return (Vector16)order_packed(_mm512_packus_epi32((Vector)a, (Vector)b));
#else
  return (Vector16)order_packed(_mm256_packus_epi32((Vector)a, (Vector)b));
#endif
}
PW_DEVICE Vector8 narrow(Vector16 a, Vector16 b) {
  const Vector16 most = fill((uint16_t)255);
#ifdef PW_WIDE_VECTORS
  return (Vector8)order_packed(_mm512_packus_epi16((Vector)smaller(a, most), (Vector)smaller(b, most)));
#else
  return (Vector8)order_packed(_mm256_packus_epi16((Vector)smaller(a, most), (Vector)smaller(b, most)));
#endif
}

// bit i: lane i of a > lane i of b, unsigned
#ifdef PW_WIDE_VECTORS
PW_DEVICE uint64_t bits_above(Vector8 a, Vector8 b) { return _mm512_cmpgt_epu8_mask((Vector)a, (Vector)b); }
PW_DEVICE uint64_t bits_above(Vector16 a, Vector16 b) { return _mm512_cmpgt_epu16_mask((Vector)a, (Vector)b); }
PW_DEVICE uint64_t bits_above(Vector32 a, Vector32 b) { return _mm512_cmpgt_epu32_mask((Vector)a, (Vector)b); }
#else
PW_DEVICE uint64_t bits_above(Vector8 a, Vector8 b) {
  const Vector kept = _mm256_cmpeq_epi8(_mm256_subs_epu8((Vector)a, (Vector)b), Vector{});
  return (uint32_t)~_mm256_movemask_epi8(kept);
}
PW_DEVICE uint64_t bits_above(Vector16 a, Vector16 b) {
  const Vector kept = _mm256_cmpeq_epi16(_mm256_subs_epu16((Vector)a, (Vector)b), Vector{});
  return ~_mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(kept), _mm256_extracti128_si256(kept, 1))) & 0xffff;
}
PW_DEVICE uint64_t bits_above(Vector32 a, Vector32 b) {
  const Vector kept = _mm256_cmpeq_epi32(_mm256_max_epu32((Vector)a, (Vector)b), (Vector)b);
  return ~_mm256_movemask_ps(_mm256_castsi256_ps(kept)) & 0xff;
}
#endif

// Which lanes of 8 or 16 bits: bits of a register, or lanes of all ones. & and | work on both.
#ifdef PW_WIDE_VECTORS
typedef __mmask64 Mask8;
typedef __mmask32 Mask16;
PW_DEVICE Mask8 mask_8(uint64_t bits) { return bits; }
PW_DEVICE Mask16 mask_16(uint64_t bits) { return (Mask16)bits; }
PW_DEVICE uint64_t bits_of(Mask16 mask) { return mask; }
PW_DEVICE Mask16 equal(Vector16 a, Vector16 b) { return _mm512_cmpeq_epi16_mask((Vector)a, (Vector)b); }
PW_DEVICE Mask16 negative(Vector16 v) { return _mm512_movepi16_mask((Vector)v); }
PW_DEVICE Vector8 choose(Mask8 mask, Vector8 a, Vector8 b) {
  return (Vector8)_mm512_mask_mov_epi8((Vector)b, mask, (Vector)a);
}
PW_DEVICE Vector16 choose(Mask16 mask, Vector16 a, Vector16 b) {
  return (Vector16)_mm512_mask_mov_epi16((Vector)b, mask, (Vector)a);
}
PW_DEVICE bool any(Mask16 mask) { return mask != 0; }
PW_DEVICE bool any_above(Vector16 a, Vector16 b) { return bits_above(a, b) != 0; }
#else
typedef Vector8 Mask8;
typedef Vector16 Mask16;
PW_DEVICE Mask8 mask_8(uint64_t bits) {
  const Vector spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const Vector bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)(uint32_t)bits), spread);
  const Vector places = _mm256_set1_epi64x((int64_t)0x8040201008040201);
  return (Mask8)_mm256_cmpeq_epi8(_mm256_and_si256(bytes, places), places);
}
PW_DEVICE Mask16 mask_16(uint64_t bits) {
  const Vector places = (Vector)(Vector16{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768});
  return (Mask16)_mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((int16_t)(uint16_t)bits), places), places);
}
PW_DEVICE uint64_t bits_of(Mask16 mask) {
  const Vector v = (Vector)mask;
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}
PW_DEVICE Mask16 equal(Vector16 a, Vector16 b) { return (Mask16)_mm256_cmpeq_epi16((Vector)a, (Vector)b); }
PW_DEVICE Mask16 negative(Vector16 v) { return (Mask16)((Signed16)v >> 15); }
PW_DEVICE Vector8 choose(Mask8 mask, Vector8 a, Vector8 b) {
  return (Vector8)_mm256_blendv_epi8((Vector)b, (Vector)a, (Vector)mask);
}
PW_DEVICE Vector16 choose(Mask16 mask, Vector16 a, Vector16 b) {
  return (Vector16)_mm256_blendv_epi8((Vector)b, (Vector)a, (Vector)mask);
}
PW_DEVICE bool any(Mask16 mask) { return !_mm256_testz_si256((Vector)mask, (Vector)mask); }
PW_DEVICE bool any_above(Vector16 a, Vector16 b) {
  const Vector more = _mm256_subs_epu16((Vector)a, (Vector)b);
  return !_mm256_testz_si256(more, more);
}
#endif

// Lane i becomes its neighbour, lane i - 1 or i + 1; that of the outermost lane stands in the vector before or behind.
#ifdef PW_WIDE_VECTORS
PW_DEVICE Vector16 lanes_on_left(Vector16 v, Vector16 before) {
  const Vector quarters = _mm512_alignr_epi64((Vector)v, (Vector)before, 6);
  return (Vector16)_mm512_alignr_epi8((Vector)v, quarters, 14);
}
PW_DEVICE Vector16 lanes_on_right(Vector16 v, Vector16 behind) {
  const Vector quarters = _mm512_alignr_epi64((Vector)behind, (Vector)v, 2);
  return (Vector16)_mm512_alignr_epi8(quarters, (Vector)v, 2);
}
#else
PW_DEVICE Vector16 lanes_on_left(Vector16 v, Vector16 before) {
  const Vector halves = _mm256_permute2x128_si256((Vector)before, (Vector)v, 0x21);
  return (Vector16)_mm256_alignr_epi8((Vector)v, halves, 14);
}
PW_DEVICE Vector16 lanes_on_right(Vector16 v, Vector16 behind) {
  const Vector halves = _mm256_permute2x128_si256((Vector)v, (Vector)behind, 0x21);
  return (Vector16)_mm256_alignr_epi8(halves, (Vector)v, 2);
}
#endif

// Lanes whose bit is set, 0 in the others, whose memory is not touched.
#ifdef PW_WIDE_VECTORS
PW_DEVICE Vector32 read_lanes(const int32_t* at, uint64_t bits) {
  return (Vector32)_mm512_maskz_loadu_epi32((__mmask16)bits, at);
}
PW_DEVICE void write_lanes(int32_t* at, Vector32 v, uint64_t bits) {
  _mm512_mask_storeu_epi32(at, (__mmask16)bits, (Vector)v);
}
PW_DEVICE uint64_t bits_unequal(Vector32 a, Vector32 b) { return _mm512_cmpneq_epi32_mask((Vector)a, (Vector)b); }
#else
PW_DEVICE Vector mask_32(uint64_t bits) {
  const Vector places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int32_t)(uint32_t)bits), places), places);
}
PW_DEVICE Vector32 read_lanes(const int32_t* at, uint64_t bits) {
  return (Vector32)_mm256_maskload_epi32(at, mask_32(bits));
}
PW_DEVICE void write_lanes(int32_t* at, Vector32 v, uint64_t bits) {
  _mm256_maskstore_epi32(at, mask_32(bits), (Vector)v);
}
PW_DEVICE uint64_t bits_unequal(Vector32 a, Vector32 b) {
  return ~_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32((Vector)a, (Vector)b))) & 0xff;
}
#endif

// a^2 + b^2 of signed lanes, |a|, |b| < 2^15; `sums` of all lanes in two vectors
PW_DEVICE void add_squares(Vector16 a, Vector16 b, Vector32 sums[2]) {
#ifdef PW_WIDE_VECTORS
  const Vector even = _mm512_unpacklo_epi16((Vector)a, (Vector)b);  // groups of 4 lanes
  const Vector odd = _mm512_unpackhi_epi16((Vector)a, (Vector)b);
  const Vector first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const Vector second = _mm512_setr_epi32(8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  const Vector even_sums = _mm512_madd_epi16(even, even), odd_sums = _mm512_madd_epi16(odd, odd);
  sums[0] = (Vector32)_mm512_permutex2var_epi32(even_sums, first, odd_sums);
  sums[1] = (Vector32)_mm512_permutex2var_epi32(even_sums, second, odd_sums);
#else
  const Vector even = _mm256_unpacklo_epi16((Vector)a, (Vector)b);
  const Vector odd = _mm256_unpackhi_epi16((Vector)a, (Vector)b);
  const Vector even_sums = _mm256_madd_epi16(even, even), odd_sums = _mm256_madd_epi16(odd, odd);
  sums[0] = (Vector32)_mm256_permute2x128_si256(even_sums, odd_sums, 0x20);
  sums[1] = (Vector32)_mm256_permute2x128_si256(even_sums, odd_sums, 0x31);
#endif
}

// a^2 + b^2 of neighbouring signed lanes a, b
PW_DEVICE Vector32 square_pairs(Vector16 v) {
#ifdef PW_WIDE_VECTORS
  return (Vector32)_mm512_madd_epi16((Vector)v, (Vector)v);
#else
  return (Vector32)_mm256_madd_epi16((Vector)v, (Vector)v);
#endif
}

// a + b of neighbouring lanes a, b
PW_DEVICE Vector16 add_pairs(Vector8 v) {
#ifdef PW_WIDE_VECTORS
  return (Vector16)_mm512_maddubs_epi16((Vector)v, _mm512_set1_epi8(1));
#else
  return (Vector16)_mm256_maddubs_epi16((Vector)v, _mm256_set1_epi8(1));
#endif
}

// sums of 8 lanes each, in 64 bits, of which the upper half is 0
PW_DEVICE Vector32 add_eights(Vector8 v) {
#ifdef PW_WIDE_VECTORS
  return (Vector32)_mm512_sad_epu8((Vector)v, Vector{});
#else
  return (Vector32)_mm256_sad_epu8((Vector)v, Vector{});
#endif
}

PW_DEVICE int64_t add_lanes(Vector32 v) {
  int64_t sum = 0;
  for (int32_t i = 0; i < LANES_32; ++i) sum += v[i];
  return sum;
}

// n multiplier >> shift; n < 2^31, 32 <= shift
PW_DEVICE Vector32 multiply_high(Vector32 n, Vector32 multiplier, int32_t shift) {
  const __m128i right = _mm_cvtsi32_si128(shift), upper = _mm_cvtsi32_si128(shift - 32);
#ifdef PW_WIDE_VECTORS
  const Vector even = _mm512_srl_epi64(_mm512_mul_epu32((Vector)n, (Vector)multiplier), right);
  const Vector odd = _mm512_srl_epi64(_mm512_mul_epu32(_mm512_srli_epi64((Vector)n, 32), (Vector)multiplier), upper);
  return (Vector32)_mm512_mask_mov_epi32(even, 0xaaaa, odd);
#else
  const Vector even = _mm256_srl_epi64(_mm256_mul_epu32((Vector)n, (Vector)multiplier), right);
  const Vector odd = _mm256_srl_epi64(_mm256_mul_epu32(_mm256_srli_epi64((Vector)n, 32), (Vector)multiplier), upper);
  return (Vector32)_mm256_blend_epi32(even, odd, 0xaa);
#endif
}

// 32 bits at place i become the sum of those at places 0..i, added lane by lane of V
template <typename V>
PW_DEVICE V sum_lanes(V v) {
#ifdef PW_WIDE_VECTORS
  const Vector zero = Vector{};
  v += (V)_mm512_alignr_epi32((Vector)v, zero, 15);
  v += (V)_mm512_alignr_epi32((Vector)v, zero, 14);
  v += (V)_mm512_alignr_epi32((Vector)v, zero, 12);
  return v + (V)_mm512_alignr_epi32((Vector)v, zero, 8);
#else
  v += (V)_mm256_slli_si256((Vector)v, 4);
  v += (V)_mm256_slli_si256((Vector)v, 8);
  const Vector lower = _mm256_permute2x128_si256((Vector)v, (Vector)v, 0x08);  // zeros, then the lower half
  return v + (V)_mm256_shuffle_epi32(lower, 0xff);
#endif
}

// the last 32 bits at every place
template <typename V>
PW_DEVICE V repeat_last(V v) {
#ifdef PW_WIDE_VECTORS
  return (V)_mm512_permutexvar_epi32(_mm512_set1_epi32(15), (Vector)v);
#else
  return (V)_mm256_permutevar8x32_epi32((Vector)v, _mm256_set1_epi32(7));
#endif
}

// word `word`, 0 or 1, of every 32 bits, each four times; first or second half of what that gives
PW_DEVICE Vector16 repeat_words(Vector16 v, int32_t word, int32_t half) {
#ifdef PW_WIDE_VECTORS
  const Vector16 place = {0, 0, 0, 0, 2,  2,  2,  2,  4,  4,  4,  4,  6,  6,  6,  6,
                          8, 8, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 14, 14, 14, 14};
  return (Vector16)_mm512_permutexvar_epi16((Vector)(place + (uint16_t)(16 * half + word)), (Vector)v);
#else
  const Vector four = half ? _mm256_permute4x64_epi64((Vector)v, 0xfa) : _mm256_permute4x64_epi64((Vector)v, 0x50);
  const Vector16 place = {0x0100, 0x0100, 0x0100, 0x0100, 0x0504, 0x0504, 0x0504, 0x0504,
                          0x0100, 0x0100, 0x0100, 0x0100, 0x0504, 0x0504, 0x0504, 0x0504};
  return (Vector16)_mm256_shuffle_epi8(four, (Vector)(place + (uint16_t)(0x0202 * word)));
#endif
}

// first or second half of the lanes
#ifdef PW_WIDE_VECTORS
PW_DEVICE HalfVector half_of(Vector v, int32_t half) {
  return half ? _mm512_extracti64x4_epi64(v, 1) : _mm512_castsi512_si256(v);
}
PW_DEVICE Vector32 widen(Vector16 v, int32_t half) { return (Vector32)_mm512_cvtepu16_epi32(half_of((Vector)v, half)); }
PW_DEVICE Vector16 widen_signed(Vector8 v, int32_t half) {
  return (Vector16)_mm512_cvtepi8_epi16(half_of((Vector)v, half));
}
#else
PW_DEVICE HalfVector half_of(Vector v, int32_t half) {
  return half ? _mm256_extracti128_si256(v, 1) : _mm256_castsi256_si128(v);
}
PW_DEVICE Vector32 widen(Vector16 v, int32_t half) { return (Vector32)_mm256_cvtepu16_epi32(half_of((Vector)v, half)); }
PW_DEVICE Vector16 widen_signed(Vector8 v, int32_t half) {
  return (Vector16)_mm256_cvtepi8_epi16(half_of((Vector)v, half));
}
#endif

// whether any lane is negative
PW_DEVICE bool any_negative(Signed16 v) {
#ifdef PW_WIDE_VECTORS
  return _mm512_movepi16_mask((Vector)v) != 0;
#else
  return (_mm256_movemask_epi8((Vector)v) & (int)0xaaaaaaaa) != 0;
#endif
}

// the floats of integers below 2^31, as their bits
PW_DEVICE Vector32 float_bits(Vector32 v) {
#ifdef PW_WIDE_VECTORS
  return (Vector32)_mm512_castps_si512(_mm512_cvtepi32_ps((Vector)v));
#else
  return (Vector32)_mm256_castps_si256(_mm256_cvtepi32_ps((Vector)v));
#endif
}

// the floors of the roots of integers below 2^24 that are correctly rounded in floats
PW_DEVICE Vector32 root_floors(Vector32 v) {
#ifdef PW_WIDE_VECTORS
  return (Vector32)_mm512_cvttps_epi32(_mm512_sqrt_ps(_mm512_cvtepi32_ps((Vector)v)));
#else
  return (Vector32)_mm256_cvttps_epi32(_mm256_sqrt_ps(_mm256_cvtepi32_ps((Vector)v)));
#endif
}

// 32 numbers in registers
struct Table32 {
  Vector32 part[32 / LANES_32];
};

// numbers (32), each with `more` added
PW_DEVICE Table32 make_table(const int32_t* numbers, uint32_t more) {
  Table32 table;
  for (int32_t i = 0; i < 32 / LANES_32; ++i) table.part[i] = read_vector<Vector32>(numbers + i * LANES_32) + more;
  return table;
}

// the number at the place that the lower five bits of a lane name
PW_DEVICE Vector32 look_up(const Table32& table, Vector32 place) {
#ifdef PW_WIDE_VECTORS
  return (Vector32)_mm512_permutex2var_epi32((Vector)table.part[0], (Vector)place, (Vector)table.part[1]);
#else
  __m256 found[4];
  for (int32_t i = 0; i < 4; ++i)
    found[i] = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32((Vector)table.part[i], (Vector)place));
  const __m256 eight = _mm256_castsi256_ps((Vector)(place << 28)), sixteen = _mm256_castsi256_ps((Vector)(place << 27));
  const __m256 below = _mm256_blendv_ps(found[0], found[1], eight), above = _mm256_blendv_ps(found[2], found[3], eight);
  return (Vector32)_mm256_castps_si256(_mm256_blendv_ps(below, above, sixteen));
#endif
}

}  // namespace pw
#endif
#endif
