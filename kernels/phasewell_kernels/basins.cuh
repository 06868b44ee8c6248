// basins.cuh: passes between touching basins, and basins merged while the lower summit stands close above the saddle.
//
// A pass is a pair of basins and the height of a saddle between them: of two touching pixels, the lower. Passes are
// walked best first (saddle falling, then the pair rising); the two groups join when the lower summit stands less than
// `depth` above the saddle. In rounds: every group takes its best pass and joins the group behind it if that is higher.
// A pass too deep for the lower of its groups is too deep for ever, since summits only rise. The best pass is found by
// two maxima, the saddle and then the pair, so neither order nor duplicates of passes show.
// Passes are kept in a list; a frame with more of them than the list holds finds them again in every round.
// Bytes per frame: the grid of basins, 2 or 4 h * w, read once on the foreground; a few thousand passes of 12.
// Basins < 2^23; heights < 2^24.
#ifndef PHASEWELL_BASINS_CUH
#define PHASEWELL_BASINS_CUH
#include "climb.cuh"

namespace pw {

struct Pass {
  int32_t first, second, saddle;  // first < second
};

struct Basins {
  int32_t* summit;  // (count) height
  int32_t* group;   // (count) the highest basin of its group
  int32_t* parent;  // (count) the group that a group joined, or itself
  int32_t* saddle;  // (count) of a group's best pass
  uint64_t* pair;   // (count) and its inverted pair: the larger the better
  int32_t count;
};

PW_DEVICE Basins take_basins(Scratch& scratch, int32_t height, int32_t width) {
  const int64_t most = count_most_basins(height, width);
  Basins basins;
  basins.summit = take<int32_t>(scratch, most);
  basins.group = take<int32_t>(scratch, most);
  basins.parent = take<int32_t>(scratch, most);
  basins.saddle = take<int32_t>(scratch, most);
  basins.pair = take<uint64_t>(scratch, most);
  basins.count = 0;
  return basins;
}

PW_DEVICE int32_t pass_capacity(int32_t height, int32_t width) { return height * width / 16 + 16; }

constexpr int64_t basins_bytes(int64_t height, int64_t width) {
  return 4 * taken_bytes(most_basins(height, width), sizeof(int32_t)) +
         taken_bytes(most_basins(height, width), sizeof(uint64_t)) +
         taken_bytes(height * width / 16 + 16, sizeof(Pass)) + taken_bytes(2, sizeof(int32_t));
}

PW_DEVICE bool is_higher(const Basins& basins, int32_t one, int32_t other) {
  const int32_t a = basins.summit[one], b = basins.summit[other];
  return a > b || (a == b && one < other);
}

PW_DEVICE int32_t neighbour_row(int32_t i) { return i != 0; }  // of the later four in raster order: right, then below
PW_DEVICE int32_t neighbour_column(int32_t i) { return i == 0 ? 1 : i - 2; }

// visit(first, second, saddle) for the later four neighbours of a pixel that lie in another basin
template <typename T, typename B, typename Visit>
PW_DEVICE void visit_pixel(const uint64_t* plane, const Grid<B>& basin_of, const Grid<T>& heights, int32_t y, int32_t x,
                           int32_t height, int32_t width, Visit visit) {
  const int32_t words = plane_words(width);
  const int32_t here = row_of(basin_of, y)[x], level = row_of(heights, y)[x];
  for (int32_t i = 0; i < 4; ++i) {
    const int32_t v = y + neighbour_row(i), u = x + neighbour_column(i);
    if (v >= height || u < 0 || u >= width || !is_set(plane + (int64_t)v * words, u)) continue;
    const int32_t there = row_of(basin_of, v)[u];
    if (there == here) continue;
    visit(low(~here, ~there), high(~here, ~there), low(level, (int32_t)row_of(heights, v)[u]));
  }
}

#ifdef PW_VECTORS
// the same for the pixels of word w of row y
template <typename T, typename Visit>
PW_DEVICE void visit_word(const uint64_t* plane, const Grid<int16_t>& basin_of, const Grid<T>& heights, int32_t y,
                          int32_t w, int32_t height, int32_t words, Visit visit) {
  const uint64_t* row = plane + (int64_t)y * words;
  const uint64_t* next = y + 1 < height ? row + words : nullptr;
  const uint64_t word = row[w], below = next ? next[w] : 0;
  const uint64_t present[4] = {  // the neighbours
      word >> 1 | (w + 1 < words ? row[w + 1] << 63 : 0),
      below << 1 | (next && w > 0 ? next[w - 1] >> 63 : 0), below,
      below >> 1 | (next && w + 1 < words ? next[w + 1] << 63 : 0)};
  for (int32_t x = w * 64; x < w * 64 + 64; x += LANES_16) {
    if (!(word >> (x % 64) & ALL_LANES_16)) continue;
    const int16_t* at = row_of(basin_of, y) + x;
    const Vector16 here = read_vector<Vector16>(at);
    for (int32_t i = 0; i < 4; ++i) {
      const int32_t away = neighbour_row(i) * basin_of.pitch + neighbour_column(i);
      const uint64_t both = (word & present[i]) >> (x % 64) & ALL_LANES_16;
      for (uint64_t bits = both & ~bits_of(equal(here, read_vector<Vector16>(at + away))); bits; bits &= bits - 1) {
        const int32_t one = lowest_bit(bits), a = ~at[one], b = ~at[one + away];
        const T* level = row_of(heights, y) + x + one;
        const T* other = level + neighbour_row(i) * heights.pitch + neighbour_column(i);
        visit(low(a, b), high(a, b), low((int32_t)*level, (int32_t)*other));
      }
    }
  }
}
#endif

// visit(first, second, saddle) for every two touching pixels of different basins
template <typename T, typename B, typename Visit>
PW_DEVICE void visit_pixels(const uint64_t* plane, const Grid<B>& basin_of, const Grid<T>& heights, int32_t height,
                            int32_t width, Visit visit) {
  const int32_t words = plane_words(width);
#ifdef PW_ROWS
  for (int32_t y = 0; y < height; ++y)
    for (int32_t w = 0; w < words; ++w) {
      const uint64_t word = plane[(int64_t)y * words + w];
      if (!word) continue;
#ifdef PW_VECTORS
      if constexpr (sizeof(B) == 2) {
        visit_word(plane, basin_of, heights, y, w, height, words, visit);
        continue;
      }
#endif
      for (uint64_t bits = word; bits; bits &= bits - 1)
        visit_pixel(plane, basin_of, heights, y, w * 64 + lowest_bit(bits), height, width, visit);
    }
#else
  PW_EACH_2D(y, x, 0, height, 0, width)
    if (is_set(plane + (int64_t)y * words, x)) visit_pixel(plane, basin_of, heights, y, x, height, width, visit);
#endif
}

// Appends passes to `list`; returns how many there were, also beyond `capacity`. One thread leaves out most duplicates.
template <typename T, typename B>
PW_BLOCK_CODE int32_t list_passes(const uint64_t* plane, Grid<B> basin_of, Grid<T> heights, int32_t height,
                                  int32_t width, Pass* list, int32_t capacity, int32_t* counter) {
  PW_ONCE *counter = 0;
  PW_BARRIER();
#ifdef PW_ROWS
  constexpr int32_t RECENT = 64;
  Pass recent[RECENT];
  for (int32_t i = 0; i < RECENT; ++i) recent[i] = Pass{-1, -1, 0};
  visit_pixels(plane, basin_of, heights, height, width, [&](int32_t first, int32_t second, int32_t saddle) {
    Pass& known = recent[(first * 7 + second) % RECENT];
    if (known.first == first && known.second == second && known.saddle >= saddle) return;
    known = Pass{first, second, saddle};
    if (*counter < capacity) list[*counter] = known;
    ++*counter;
  });
#else
  visit_pixels(plane, basin_of, heights, height, width, [&](int32_t first, int32_t second, int32_t saddle) {
    if (load(*counter) > capacity) return;
    const int32_t place = atomic_add(*counter, 1);
    if (place < capacity) list[place] = Pass{first, second, saddle};
  });
#endif
  PW_BARRIER();
  const int32_t count = load(*counter);
  PW_BARRIER();
  return count;
}

// One round; `each_pass(visit)` visits all passes. Returns whether a group joined another.
template <typename EachPass>
PW_DEVICE bool merge_round(const Basins& basins, int32_t depth, int32_t* joined, EachPass each_pass) {
  PW_EACH(i, basins.count) {
    basins.saddle[i] = 0;
    basins.pair[i] = 0;
  }
  PW_ONCE *joined = 0;
  PW_BARRIER();
  const auto is_open = [&](int32_t a, int32_t b, int32_t saddle) {
    return a != b && basins.summit[is_higher(basins, a, b) ? b : a] - saddle < depth;
  };
  each_pass([&](int32_t first, int32_t second, int32_t saddle) {
    const int32_t a = basins.group[first], b = basins.group[second];
    if (!is_open(a, b, saddle)) return;
    atomic_max(basins.saddle[a], saddle);
    atomic_max(basins.saddle[b], saddle);
  });
  PW_BARRIER();
  each_pass([&](int32_t first, int32_t second, int32_t saddle) {
    const int32_t a = basins.group[first], b = basins.group[second];
    if (!is_open(a, b, saddle)) return;
    const uint64_t pair = ~((uint64_t)first << 32 | (uint64_t)second);
    if (saddle == basins.saddle[a]) atomic_max(basins.pair[a], pair);
    if (saddle == basins.saddle[b]) atomic_max(basins.pair[b], pair);
  });
  PW_BARRIER();
  PW_EACH(i, basins.count) {
    basins.parent[i] = i;
    if (basins.saddle[i] == 0) continue;  // no group, or one without an open pass: saddles are at least 1
    const int32_t first = (int32_t)(~basins.pair[i] >> 32), second = (int32_t)~basins.pair[i];
    const int32_t other = basins.group[first] + basins.group[second] - i;
    if (!is_higher(basins, other, i)) continue;
    basins.parent[i] = other;
    store(*joined, 1);
  }
  PW_BARRIER();
  PW_EACH(i, basins.count) {
    int32_t group = basins.group[i];
    while (basins.parent[group] != group) group = basins.parent[group];
    basins.group[i] = group;
  }
  const bool any = load(*joined) != 0;
  PW_BARRIER();
  return any;
}

// basins.group becomes the highest basin of each basin's group.
template <typename T, typename B>
PW_BLOCK_CODE void merge_basins(const uint64_t* plane, Grid<B> basin_of, Grid<T> heights, int32_t height, int32_t width,
                                int32_t depth, Basins basins, Scratch scratch) {
  const int32_t capacity = pass_capacity(height, width);
  Pass* list = take<Pass>(scratch, capacity);
  int32_t* words = take<int32_t>(scratch, 2);
  PW_EACH(i, basins.count) basins.group[i] = i;
  const int32_t count = list_passes(plane, basin_of, heights, height, width, list, capacity, words);
  if (count <= capacity) {
    while (merge_round(basins, depth, words + 1, [&](auto visit) {
      PW_EACH(i, count) visit(list[i].first, list[i].second, list[i].saddle);
    })) {
    }
  } else {
    while (merge_round(basins, depth, words + 1,
                       [&](auto visit) { visit_pixels(plane, basin_of, heights, height, width, visit); })) {
    }
  }
}

}  // namespace pw
#endif
