// energy_vectors.cuh: the hot loops of texture.cuh, contrast.cuh and threshold.cuh along a row of a CPU's frame, with
// the same bits as their plain forms.
//
// Compilers leave these loops scalar or use twice the instructions: a multiplication of 16-bit pairs, the upper half of
// a product, a table held in registers, saturated narrowing, comparisons to bits.
#ifndef PHASEWELL_ENERGY_VECTORS_CUH
#define PHASEWELL_ENERGY_VECTORS_CUH
#include "vectors.cuh"

namespace pw {

struct Divisor {
  uint32_t multiplier;
  int32_t shift;
};

// n / d = n multiplier >> shift for n < 2^31, d < 2^30, because n (multiplier d - 2^shift) < 2^shift
PW_DEVICE Divisor make_divisor(uint32_t d) {
  const int32_t shift = 31 + (d > 1 ? highest_bit(d - 1) + 1 : 0);
  return Divisor{(uint32_t)((((uint64_t)1 << shift) + d - 1) / d), shift};
}

PW_DEVICE uint32_t divide(uint32_t n, Divisor by) { return (uint32_t)(((uint64_t)n * by.multiplier) >> by.shift); }

#ifdef PW_VECTORS
PW_DEVICE Vector32 divide(Vector32 n, Divisor by) {
  if (by.multiplier == 1u << 31) return n >> (by.shift - 31);  // by a power of two
  return multiply_high(n, fill(by.multiplier), by.shift);
}

// squared gradients of columns [x, x + LANES_16) of three rows
PW_DEVICE void square_gradients(const uint8_t* above, const uint8_t* row, const uint8_t* below, int32_t x,
                                Vector32 squares[2]) {
  const Vector16 upper_left = widen(above + x - 1), upper_right = widen(above + x + 1);
  const Vector16 lower_left = widen(below + x - 1), lower_right = widen(below + x + 1);
  const Vector16 rise = lower_right - upper_left, fall = upper_right - lower_left;  // along both diagonals
  const Vector16 gx = rise + fall + ((widen(row + x + 1) - widen(row + x - 1)) << 1);
  const Vector16 gy = rise - fall + ((widen(below + x) - widen(above + x)) << 1);
  add_squares(gx, gy, squares);
}

// as add_gradients, for the columns 1 .. width - 2 of rows that are wide enough. Returns the first column left to do.
PW_DEVICE int32_t add_gradients_vector(const uint8_t* above, const uint8_t* row, const uint8_t* below, int32_t width,
                                       bool slide, uint32_t* __restrict__ ring, uint32_t* __restrict__ column) {
  const int32_t last = width - 1 - LANES_16;
  if (last < 1) return 1;
  for (int32_t x = 1; x < last + LANES_16; x += LANES_16) {
    x = low(x, last);  // columns that are done twice change nothing the second time
    Vector32 squares[2];
    square_gradients(above, row, below, x, squares);
    for (int32_t i = 0; i < 2; ++i) {
      const int32_t at = x + LANES_32 * i;
      if (slide) {
        const Vector32 change = squares[i] - read_vector<Vector32>(ring + at);
        write_vector(column + at, read_vector<Vector32>(column + at) + change);
      }
      write_vector(ring + at, squares[i]);
    }
  }
  return width - 1;
}

// total[x] = column[x - half] + .. + column[x + half] for x in [0, width), up to LANES_32 - 1 more entries written:
// running sums of what enters and leaves. column[-half - 1] is read too, and cancels.
PW_DEVICE void sum_windows_vector(const uint32_t* __restrict__ column, int32_t half, int32_t width,
                                  uint32_t* __restrict__ total) {
  uint32_t start = 0;
  for (int32_t x = -half - 1; x < half; ++x) start += column[x];
  Vector32 before = fill(start);
  for (int32_t x = 0; x < width; x += LANES_32) {
    const Vector32 enters = read_vector<Vector32>(column + x + half);
    const Vector32 sums = sum_lanes(enters - read_vector<Vector32>(column + x - half - 1));
    write_vector(total + x, sums + before);
    before += repeat_last(sums);
  }
}

PW_DEVICE Vector32 clipped(const uint32_t* at, uint32_t) { return read_vector<Vector32>(at); }
PW_DEVICE Vector16 clipped(const uint32_t* at, uint16_t) {
  return narrow(read_vector<Vector32>(at), read_vector<Vector32>(at + LANES_32));
}
PW_DEVICE Vector8 clipped(const uint32_t* at, uint8_t) {
  return narrow(clipped(at, (uint16_t)0), clipped(at + LANES_16, (uint16_t)0));
}

// Replaces window sums by energies, in `total`, whose row goes on for whole vectors; writes them clipped.
template <typename Energy>
PW_DEVICE void divide_row_vector(uint32_t* __restrict__ total, int32_t width, Divisor by, Energy* __restrict__ energy) {
  constexpr int32_t together = VECTOR_BYTES / (int32_t)sizeof(Energy);
  for (int32_t x = 0; x < width; x += LANES_32) write_vector(total + x, divide(read_vector<Vector32>(total + x), by));
  for (int32_t x = 0; x < width; x += together)
    write_part(energy + x, clipped(total + x, (Energy)0), low(width - x, together) * (int32_t)sizeof(Energy));
}

// level of each energy as `find_level` finds it: a float of E + 1 is exact, and its bits are the exponent and m.
// adjust: those of find_level less the bias of a float's exponent
PW_DEVICE Vector32 find_levels(Vector32 energy, const Table32& adjust) {
  const Vector32 place = float_bits(energy + 1);
  return (place + look_up(adjust, place >> 18)) >> 19;
}

// Writes the levels of a row's energies, and of up to LANES_8 - 1 more. Levels from 255 on are written as 255 and
// counted.
PW_DEVICE void find_levels_vector(const uint32_t* __restrict__ energy, int32_t width, const int32_t* adjust,
                                  uint8_t* __restrict__ levels, uint32_t* __restrict__ counts) {
  const Table32 table = make_table(adjust, -(127u << 23));
  for (int32_t x = 0; x < width; x += LANES_8) {
    Vector32 found[4];
    for (int32_t i = 0; i < 4; ++i) found[i] = find_levels(read_vector<Vector32>(energy + x + i * LANES_32), table);
    const Vector8 narrowed = narrow(narrow(found[0], found[1]), narrow(found[2], found[3]));
    write_vector(levels + x, narrowed);
    uint64_t large = bits_above(narrowed, fill((uint8_t)254));
    if (width - x < 64) large &= ((uint64_t)1 << (width - x)) - 1;
    for (; large; large &= large - 1) {
      const int32_t i = lowest_bit(large);
      ++counts[found[i / LANES_32][i % LANES_32]];
    }
  }
}

// energies of a row clipped to 16 bits, reduced by a ratio, and which of the reduced ones exceed `floor`, as bits;
// energies beyond the width, up to a whole word, are 0
PW_DEVICE void reduce_vector(const uint32_t* __restrict__ energy, int32_t width, Divisor by, int32_t floor,
                             uint16_t* __restrict__ kept, uint16_t* __restrict__ reduced, uint64_t* __restrict__ hot) {
  const Vector16 least = fill((uint16_t)low(floor, 65535));
  for (int32_t w = 0; w * 64 < width; ++w) {
    uint64_t bits = 0;
    for (int32_t x = w * 64; x < w * 64 + 64; x += LANES_16) {
      const Vector32 first = read_vector<Vector32>(energy + x), second = read_vector<Vector32>(energy + x + LANES_32);
      const Vector16 quotient = narrow(divide(first, by), divide(second, by));
      write_vector(kept + x, narrow(first, second));
      write_vector(reduced + x, quotient);
      bits |= bits_above(quotient, least) << (x & 63);
    }
    hot[w] = bits;
  }
}

// as pack_above
template <typename Energy>
PW_DEVICE uint64_t pack_above_vector(const Energy* energy, int32_t count, int32_t threshold) {
  constexpr int32_t together = VECTOR_BYTES / (int32_t)sizeof(Energy);
  const auto least = fill((Energy)threshold);
  Energy whole[64] = {};
  if (count < 64) {
    __builtin_memcpy(whole, energy, (size_t)count * sizeof(Energy));
    energy = whole;
  }
  uint64_t bits = 0;
  for (int32_t x = 0; x < 64; x += together)
    bits |= bits_above(read_vector<decltype(fill((Energy)0))>(energy + x), least) << x;
  return bits;
}

// bits of the 64 columns where a > b
PW_DEVICE uint64_t exceeding_vector(const uint16_t* a, const uint16_t* b) {
  uint64_t bits = 0;
  for (int32_t x = 0; x < 64; x += LANES_16)
    bits |= bits_above(read_vector<Vector16>(a + x), read_vector<Vector16>(b + x)) << x;
  return bits;
}
#endif

}  // namespace pw
#endif
