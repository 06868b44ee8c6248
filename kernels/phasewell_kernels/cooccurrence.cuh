// cooccurrence.cuh: the pooled co-occurrence of a cell's grey levels, from pairs of row segments.
//
// A pair of levels (i, j) is counted under (difference |i - j|, lower of both): the symmetric matrix needs no more, a
// row of the table is one difference, and most pairs fall into the first few rows.
// A block of many threads counts with atomics in one table. A block of one thread first writes the codes of many pairs,
// then counts them in PAIR_LANES tables in turn: counting one bin again at once would wait for the store before it.
// These tables are 16 bit, so that one vector is a row, and are emptied into the wide one before they can overflow.
// Ranges of a cell up to 2^24 px: pairs <= 2^26 in 32 bit; sums of levels <= 2^31, of squares <= 2^36, of squared
// counts <= 2^54 in 64 bit. Shared bytes: 4 kB for many threads.
#ifndef PHASEWELL_COOCCURRENCE_CUH
#define PHASEWELL_COOCCURRENCE_CUH
#include "grid.cuh"
#if !defined(PW_CUDA) && !defined(PW_EMULATED)
#define PW_LEVEL_CODES
#if defined(__AVX512BW__)
#include <immintrin.h>
#endif
#endif

namespace pw {

constexpr int32_t PAIR_LEVELS = 32;  // of 8 grey values each
constexpr int32_t LEVEL_TABLE = PAIR_LEVELS * PAIR_LEVELS;

// where the levels of two grey values are counted
PW_DEVICE uint32_t level_code(uint32_t a, uint32_t b) {
  const uint32_t i = a >> 3, j = b >> 3;
  return i > j ? (i - j) * PAIR_LEVELS + j : (j - i) * PAIR_LEVELS + i;
}

#ifndef PW_LEVEL_CODES

struct LevelPairs {
  uint32_t* table;  // (LEVEL_TABLE), all 0 between cells
};

constexpr int64_t LEVEL_PAIRS_BYTES = taken_bytes(LEVEL_TABLE, sizeof(uint32_t));

// no barrier: the caller's first one comes before anything is counted
PW_DEVICE LevelPairs take_level_pairs(Scratch& fast) {
  LevelPairs pairs{take<uint32_t>(fast, LEVEL_TABLE)};
  PW_EACH(i, LEVEL_TABLE) pairs.table[i] = 0;
  return pairs;
}

// counts the pairs (a[x], b[x]), for this thread; none if count <= 0
PW_DEVICE void count_level_pairs(LevelPairs& pairs, const uint8_t* a, const uint8_t* b, int32_t count) {
  for (int32_t x = 0; x < count; ++x) atomic_add(pairs.table[level_code(a[x], b[x])], 1u);
}

PW_DEVICE void finish_level_pairs(LevelPairs&) {}
PW_DEVICE bool has_difference(const LevelPairs&, int32_t) { return true; }
PW_DEVICE void clear_differences(LevelPairs&) {}

#else

constexpr int32_t CODES = 4096;  // at once
constexpr int32_t PAIR_LANES = 4;  // tables counted in turn
constexpr int32_t LANE_STRIDE = LEVEL_TABLE + 32;  // tables a page apart would wait for each other's stores
constexpr int32_t LANE_LIMIT = 65535 / PAIR_LANES - 1;  // of one table, so that the sum of all fits 16 bit

struct LevelPairs {
  uint32_t* table;    // (LEVEL_TABLE), all 0 between cells
  uint16_t* lanes;    // (PAIR_LANES, LANE_STRIDE), all 0 between cells
  uint16_t* codes;    // (CODES)
  int32_t waiting;    // codes that are not counted yet
  int32_t counted;    // codes in a lane, at most
  uint32_t used;      // bit d: row d of the table holds counts
};

constexpr int64_t LEVEL_PAIRS_BYTES = taken_bytes(LEVEL_TABLE, sizeof(uint32_t)) +
                                      taken_bytes(PAIR_LANES * LANE_STRIDE, sizeof(uint16_t)) +
                                      taken_bytes(CODES, sizeof(uint16_t));

PW_DEVICE LevelPairs take_level_pairs(Scratch& fast) {
  LevelPairs pairs{};
  pairs.table = take<uint32_t>(fast, LEVEL_TABLE);
  pairs.lanes = take<uint16_t>(fast, PAIR_LANES * LANE_STRIDE);
  pairs.codes = take<uint16_t>(fast, CODES);
  for (int32_t i = 0; i < LEVEL_TABLE; ++i) pairs.table[i] = 0;
  for (int32_t i = 0; i < PAIR_LANES * LANE_STRIDE; ++i) pairs.lanes[i] = 0;
  return pairs;
}

#if defined(__AVX512BW__)
PW_DEVICE __m512i join_codes(__m256i apart, __m256i lower) {
  return _mm512_or_si512(_mm512_slli_epi16(_mm512_cvtepu8_epi16(apart), 5), _mm512_cvtepu8_epi16(lower));
}
#endif

// writes `count` (0..64) codes, and anything behind them, 64 in all
PW_DEVICE void write_codes(const uint8_t* __restrict__ a, const uint8_t* __restrict__ b, int32_t count,
                           uint16_t* __restrict__ codes) {
#if defined(__AVX512BW__)
  const __mmask64 valid = _bzhi_u64(~(uint64_t)0, (uint32_t)count);
  const __m512i level = _mm512_set1_epi8(PAIR_LEVELS - 1);
  const __m512i i = _mm512_and_si512(_mm512_srli_epi16(_mm512_maskz_loadu_epi8(valid, a), 3), level);
  const __m512i j = _mm512_and_si512(_mm512_srli_epi16(_mm512_maskz_loadu_epi8(valid, b), 3), level);
  const __m512i lower = _mm512_min_epu8(i, j), apart = _mm512_sub_epi8(_mm512_max_epu8(i, j), lower);
  // both halves, always: whether the second is needed is hard to foresee
  _mm512_storeu_si512(codes, join_codes(_mm512_castsi512_si256(apart), _mm512_castsi512_si256(lower)));
  _mm512_storeu_si512(codes + 32, join_codes(_mm512_extracti64x4_epi64(apart, 1), _mm512_extracti64x4_epi64(lower, 1)));
#else
  for (int32_t x = 0; x < count; ++x) {  // level_code in narrow integers
    const uint8_t i = a[x] >> 3, j = b[x] >> 3, lower = i < j ? i : j, upper = i < j ? j : i;
    codes[x] = (uint16_t)((uint16_t)(uint8_t)(upper - lower) << 5 | lower);
  }
#endif
}

// empties the lanes into the wide table
PW_DEVICE void drain_lanes(LevelPairs& pairs) {
  for (int32_t row = 0; row < LEVEL_TABLE; row += PAIR_LEVELS) {
    uint16_t* __restrict__ lane = pairs.lanes + row;
    uint32_t* __restrict__ wide = pairs.table + row;
    uint16_t sum[PAIR_LEVELS], any = 0;
    for (int32_t i = 0; i < PAIR_LEVELS; ++i) {
      sum[i] = (uint16_t)(lane[i] + lane[LANE_STRIDE + i] + lane[2 * LANE_STRIDE + i] + lane[3 * LANE_STRIDE + i]);
      any |= sum[i];
    }
    if (any == 0) continue;
    pairs.used |= 1u << (row / PAIR_LEVELS);
    for (int32_t i = 0; i < PAIR_LEVELS; ++i) wide[i] += sum[i];
    for (int32_t t = 0; t < PAIR_LANES; ++t)
      for (int32_t i = 0; i < PAIR_LEVELS; ++i) lane[t * LANE_STRIDE + i] = 0;
  }
  pairs.counted = 0;
}

PW_DEVICE void count_codes(LevelPairs& pairs) {
  const uint16_t* __restrict__ codes = pairs.codes;
  uint16_t* __restrict__ lanes = pairs.lanes;
  const int32_t count = pairs.waiting;
  int32_t x = 0;
  for (; x + PAIR_LANES <= count; x += PAIR_LANES) {
    ++lanes[codes[x]];
    ++lanes[LANE_STRIDE + codes[x + 1]];
    ++lanes[2 * LANE_STRIDE + codes[x + 2]];
    ++lanes[3 * LANE_STRIDE + codes[x + 3]];
  }
  for (; x < count; ++x) ++lanes[codes[x]];
  pairs.waiting = 0;
  pairs.counted += count / PAIR_LANES + PAIR_LANES;  // the most that one lane can have got
  if (pairs.counted > LANE_LIMIT - CODES / PAIR_LANES - PAIR_LANES) drain_lanes(pairs);
}

// counts the pairs (a[x], b[x]); none if count <= 0
PW_DEVICE void count_level_pairs(LevelPairs& pairs, const uint8_t* a, const uint8_t* b, int32_t count) {
  for (;; count -= 64, a += 64, b += 64) {
    const int32_t some = low(high(count, 0), 64);
    if (pairs.waiting > CODES - 64) count_codes(pairs);
    write_codes(a, b, some, pairs.codes + pairs.waiting);
    pairs.waiting += some;
    if (count <= 64) return;
  }
}

PW_DEVICE void finish_level_pairs(LevelPairs& pairs) {
  count_codes(pairs);
  drain_lanes(pairs);
}

PW_DEVICE bool has_difference(const LevelPairs& pairs, int32_t d) { return pairs.used >> d & 1; }
PW_DEVICE void clear_differences(LevelPairs& pairs) { pairs.used = 0; }

#endif

struct LevelSums {
  int64_t level, level_level, count_count;
};

// Adds what one row of the table tells to the sums, empties it, and returns its pairs. Levels count from 16.
PW_DEVICE int64_t reduce_difference(uint32_t* __restrict__ row, int32_t difference, LevelSums& sums) {
  uint32_t pairs = 0, lower = 0;  // sum of counts, and of counts * lower level: <= 31 * 2^26
  int64_t squares = 0;            // of lower levels
  uint64_t counts = 0;            // squared
  for (int32_t i = 0; i < PAIR_LEVELS; ++i) {
    const uint32_t n = row[i];
    pairs += n;
    lower += n * (uint32_t)i;
    squares += (int64_t)((uint64_t)n * (uint32_t)(i * i));
    counts += (uint64_t)n * n;
    row[i] = 0;
  }
  // lower level i - 16, upper level i - 16 + difference
  const int64_t n = pairs, m = lower, shift = difference - PAIR_LEVELS, half = PAIR_LEVELS / 2;
  sums.level += 2 * m + shift * n;
  sums.level_level += 2 * squares + 2 * shift * m + n * (half * half + (difference - half) * (difference - half));
  // both orders of a pair: one count in each of two entries, or two on the diagonal
  sums.count_count += (int64_t)(difference ? 2 * counts : 4 * counts);
  return n;
}

}  // namespace pw
#endif
