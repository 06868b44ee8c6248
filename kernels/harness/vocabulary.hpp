// vocabulary.hpp: the words of grid.cuh as a kernel of their own, so that they are tested alone.
#ifndef PHASEWELL_HARNESS_VOCABULARY_HPP
#define PHASEWELL_HARNESS_VOCABULARY_HPP
#include "../cpu/tables.hpp"
#include "../phasewell_kernels/grid.cuh"

struct VocabularyTable {
  // values (count) become the sums before them; total gets the sum of all
  void (*scan)(int32_t* values, int32_t count, int32_t* total, pw::Scratch scratch);
  // of values (h, w) in [0, 2^20): out[0] sum, out[1] least, out[2] most, out[3] all bits; counts (64) of values % 64
  void (*gather)(const int32_t* values, int32_t h, int32_t w, int64_t* out, uint32_t* counts, pw::Scratch scratch);
};
PW_DECLARE_TABLES(VocabularyTable, vocabulary);
#endif
