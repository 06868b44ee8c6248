// chance.hpp: small random frames, masks and labels of the kinds that break image code.
#ifndef PHASEWELL_HARNESS_CHANCE_HPP
#define PHASEWELL_HARNESS_CHANCE_HPP
#include <cstdint>
#include <utility>

#include "case.hpp"

// xorshift64*: the same cases from the same seed everywhere
struct Chance {
  uint64_t state;
  explicit Chance(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) {
    if (!state) state = 1;
    for (int i = 0; i < 4; ++i) next();
  }
  uint64_t next() {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
  }
  int32_t within(int32_t least, int32_t most) {  // both included
    return least + (int32_t)((next() >> 32) % (uint64_t)(most - least + 1));
  }
  bool one_in(int32_t n) { return within(1, n) == 1; }
};

struct Sides {
  int32_t h, w;
};

// sides: mostly odd sizes up to 70 px, widths around multiples of 64, single rows, columns and pixels
Sides draw_sides(Chance& chance);
// grey: noise, plateaus, gradients, extremes, discs on a ground
void draw_grey(Chance& chance, Sides sides, uint8_t* grey);
// mask of bytes 0 and 1: noise of any density, discs, rings, stripes, checkerboards, mazes, all, none
void draw_mask(Chance& chance, Sides sides, uint8_t* mask);
// labels >= 0 with gaps, out of order, in several pieces, touching
void draw_labels(Chance& chance, Sides sides, int32_t* labels);

// The same into a case: "grey" (h, w) u1; "plane" (h, words) u8 with its "width"; "labels" (h, w) i4.
Sides give_grey(Chance& chance, Case& made);
Sides give_plane(Chance& chance, Case& made);
void give_plane(Chance& chance, Case& made, Sides sides);
void give_grey(Chance& chance, Case& made, Sides sides);
void give_labels(Chance& chance, Case& made, Sides sides);
#endif
