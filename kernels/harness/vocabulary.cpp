// vocabulary.cpp: scans, 2-D loops and atomics of grid.cuh.
#include "vocabulary.hpp"

static void scan(int32_t* values, int32_t count, int32_t* total, pw::Scratch scratch) {
  const int32_t sum = pw::exclusive_scan(values, count, scratch);
  PW_ONCE *total = sum;
  PW_BARRIER();
}

static void gather(const int32_t* values, int32_t h, int32_t w, int64_t* out, uint32_t* counts, pw::Scratch scratch) {
  auto* least = pw::take<int32_t>(scratch, 1);
  auto* most = pw::take<int32_t>(scratch, 1);
  auto* bits = pw::take<uint32_t>(scratch, 1);
  PW_EACH(i, 64) counts[i] = 0;
  PW_ONCE {
    *least = 1 << 20;
    *most = -1;
    *bits = 0;
    out[0] = 0;
  }
  PW_BARRIER();
  PW_EACH_2D(y, x, 0, h, 0, w) {
    const int32_t value = values[y * w + x];
    pw::atomic_add(out[0], (int64_t)value);
    pw::atomic_min(*least, value);
    pw::atomic_max(*most, value);
    pw::atomic_or(*bits, (uint32_t)value);
    pw::atomic_add(counts[value % 64], 1u);
  }
  PW_BARRIER();
  PW_ONCE {
    out[1] = *least;
    out[2] = *most;
    out[3] = *bits;
  }
  PW_BARRIER();
}

PW_TABLE(VocabularyTable, vocabulary) = {scan, gather};
