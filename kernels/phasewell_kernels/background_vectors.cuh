// background_vectors.cuh: prefix sums along the difference of two rows, a vector of columns at a time on a CPU.
//
// Bytes are added up within four columns, those sums within a vector, and both are joined in 16 bits. A difference of
// offsets is at most `reach`, so four fit a byte up to a reach of 31 (the plain form takes over beyond).
#ifndef PHASEWELL_BACKGROUND_VECTORS_CUH
#define PHASEWELL_BACKGROUND_VECTORS_CUH
#include "vectors.cuh"

namespace pw {

// Whether vectors did the work: counts[x], sums[x] = sum over columns 0..x of what the entering row (or null) has more
// than the leaving one (or null); up to 63 entries beyond the width are written as well.
template <typename Row>
PW_DEVICE bool sum_in_vectors(const uint8_t*, const uint8_t*, int32_t, int32_t, int32_t, Row*, Row*) {
  return false;
}

#ifdef PW_VECTORS
// Offsets and counts (counts as 0 or 255) of the columns of a vector; 0 beyond the width and where the row is null.
struct RowVectors {
  Vector8 offsets, counts;
};

PW_DEVICE RowVectors read_offsets(const uint8_t* row, int32_t x, int32_t width, uint8_t base, uint8_t reach) {
  if (!row) return {Vector8{}, Vector8{}};
  Vector8 levels = fill((uint8_t)(base + reach + 1));  // not background-like
  if (x + LANES_8 <= width) {
    levels = read_vector<Vector8>(row + x);
  } else {
    __builtin_memcpy(&levels, row + x, (size_t)(width - x));
  }
  const Vector8 offset = levels - base, inside = (Vector8)(offset <= reach);
  return {offset & inside, inside};
}

// each byte becomes the sum of the bytes up to it within four
PW_DEVICE Vector8 add_within_four(Vector8 bytes) {
  bytes += (Vector8)((Vector32)bytes << 8);
  return bytes + (Vector8)((Vector32)bytes << 16);
}

// sums of the columns of a vector: bytes, and a word of `before` for each four of them
PW_DEVICE void write_sums(Vector8 bytes, Vector16 before, int32_t word, int16_t* to) {
  for (int32_t half = 0; half < 2; ++half)
    write_vector(to + half * LANES_16, widen_signed(bytes, half) + repeat_words(before, word, half));
}

PW_ROW_CODE bool sum_in_vectors(const uint8_t* __restrict__ entering, const uint8_t* __restrict__ leaving,
                                int32_t width, int32_t base, int32_t reach, int16_t* __restrict__ counts,
                                int16_t* __restrict__ sums) {
  if (reach > 31) return false;
  Vector16 carry = {};  // sums before these columns: low words offsets, high words counts
  for (int32_t x = 0; x < width; x += LANES_8) {
    const RowVectors in = read_offsets(entering, x, width, (uint8_t)base, (uint8_t)reach);
    const RowVectors out = read_offsets(leaving, x, width, (uint8_t)base, (uint8_t)reach);
    const Vector8 offset = add_within_four(in.offsets - out.offsets), count = add_within_four(out.counts - in.counts);
    const Vector32 lower = (Vector32)((Signed32)offset >> 24) & 0xffff, upper = (Vector32)((Signed32)count >> 8);
    const Vector16 four = (Vector16)(lower | (upper & 0xffff0000)), sum = sum_lanes(four);
    const Vector16 before = sum - four + carry;
    carry += repeat_last(sum);
    write_sums(offset, before, 0, sums + x);
    write_sums(count, before, 1, counts + x);
  }
  return true;
}

// move_columns of background.cuh, 64 columns; all unsigned, as prefix sums wrap
PW_DEVICE bool move_columns(const int16_t* __restrict__ counts, const int16_t* __restrict__ sums, int32_t x, int32_t,
                            int32_t size, int16_t* __restrict__ area, int16_t* __restrict__ rest,
                            int16_t* __restrict__ mean) {
  Vector16 wrong = {};
  for (const int32_t end = x + 64; x < end; x += LANES_16) {
    const Vector16 count = read_vector<Vector16>(counts + x + size) - read_vector<Vector16>(counts + x);
    const Vector16 sum = read_vector<Vector16>(sums + x + size) - read_vector<Vector16>(sums + x);
    const Vector16 whole = read_vector<Vector16>(area + x) + count;
    const Vector16 level = read_vector<Vector16>(mean + x);
    Vector16 left = sum - level * count + read_vector<Vector16>(rest + x);
    const Vector16 below = (Vector16)((Signed16)left >> 15);  // -1 where negative
    left += below & whole;
    const Vector16 above = (Vector16)((Signed16)(whole - 1 - left) >> 15);
    left -= above & whole;
    wrong |= left | (whole - 1 - left);
    write_vector(area + x, whole);
    write_vector(rest + x, left);
    write_vector(mean + x, level + below - above);
  }
  return any_negative((Signed16)wrong);
}
#endif

}  // namespace pw
#endif
