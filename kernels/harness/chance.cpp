// chance.cpp: random small frames.
#include "chance.hpp"

#include <algorithm>

#include "../phasewell_kernels/plane.cuh"

namespace {

// paint(y, x) for every pixel of a random disc that may reach over the frame's edge
template <typename Paint>
void draw_disc(Chance& chance, Sides sides, bool ring, Paint paint) {
  const int32_t radius = chance.within(0, 12), cy = chance.within(-4, sides.h + 3), cx = chance.within(-4, sides.w + 3);
  const int32_t hole = ring ? radius - chance.within(1, 3) : -1;
  for (int32_t y = std::max(cy - radius, 0); y <= std::min(cy + radius, sides.h - 1); ++y)
    for (int32_t x = std::max(cx - radius, 0); x <= std::min(cx + radius, sides.w - 1); ++x) {
      const int32_t squares = (y - cy) * (y - cy) + (x - cx) * (x - cx);
      if (squares <= radius * radius && (hole < 0 || squares > hole * hole)) paint(y, x);
    }
}

// one path of foreground that winds inwards, or corridors between walls
void draw_maze(Chance& chance, Sides sides, uint8_t* mask) {
  const int32_t pitch = chance.within(2, 4);
  for (int32_t y = 0; y < sides.h; ++y)
    for (int32_t x = 0; x < sides.w; ++x) {
      const int32_t border = std::min(std::min(y, x), std::min(sides.h - 1 - y, sides.w - 1 - x));
      mask[y * sides.w + x] = border % pitch == 0;
    }
  for (int32_t gates = chance.within(0, 12); gates > 0; --gates)
    mask[chance.within(0, sides.h - 1) * sides.w + chance.within(0, sides.w - 1)] ^= 1;
}

}  // namespace

Sides draw_sides(Chance& chance) {
  switch (chance.within(0, 7)) {
    case 0: return {1, chance.within(1, 300)};
    case 1: return {chance.within(1, 200), 1};
    case 2: return {chance.within(1, 40), 64 * chance.within(1, 3) + chance.within(-2, 2)};
    case 3: return {chance.within(1, 9), chance.within(1, 9)};
    default: return {chance.within(1, 70), chance.within(1, 70)};
  }
}

void draw_grey(Chance& chance, Sides sides, uint8_t* grey) {
  const int32_t n = sides.h * sides.w, ground = chance.within(0, 255), kind = chance.within(0, 6);
  const int32_t slope_y = chance.within(-3, 3), slope_x = chance.within(-3, 3), range = chance.within(0, 40);
  for (int32_t i = 0; i < n; ++i) {
    const int32_t y = i / sides.w, x = i % sides.w;
    int32_t level = ground;
    if (kind == 0) level = chance.within(0, 255);
    if (kind == 1) level = chance.one_in(2) ? 255 : 0;
    if (kind == 2) level = ground + slope_y * y + slope_x * x;
    if (kind >= 4) level = ground + chance.within(-range, range);
    grey[i] = (uint8_t)std::clamp(level, 0, 255);
  }
  if (kind < 3) return;
  for (int32_t discs = chance.within(0, 8); discs > 0; --discs) {
    const int32_t level = chance.within(0, 255);
    draw_disc(chance, sides, chance.one_in(3), [&](int32_t y, int32_t x) {
      grey[y * sides.w + x] = (uint8_t)std::clamp(level + (range ? chance.within(-range, range) / 2 : 0), 0, 255);
    });
  }
}

void draw_mask(Chance& chance, Sides sides, uint8_t* mask) {
  const int32_t n = sides.h * sides.w, kind = chance.within(0, 7), density = chance.within(1, 99);
  const int32_t step = chance.within(1, 4);
  const bool down = chance.one_in(2);
  for (int32_t i = 0; i < n; ++i) {
    const int32_t y = i / sides.w, x = i % sides.w;
    mask[i] = 0;
    if (kind == 0) mask[i] = chance.within(0, 99) < density;
    if (kind == 1) mask[i] = (y / step + x / step) % 2;
    if (kind == 2) mask[i] = (down ? y : x) / step % 2;
    if (kind == 3) mask[i] = density % 2;
  }
  if (kind == 4) draw_maze(chance, sides, mask);
  if (kind < 5) return;
  for (int32_t discs = chance.within(1, 10); discs > 0; --discs) {
    const uint8_t value = !chance.one_in(4);  // some discs cut holes
    draw_disc(chance, sides, chance.one_in(3), [&](int32_t y, int32_t x) { mask[y * sides.w + x] = value; });
  }
  if (kind == 7)
    for (int32_t specks = n / 20; specks > 0; --specks) mask[chance.within(0, n - 1)] ^= 1;
}

void draw_labels(Chance& chance, Sides sides, int32_t* labels) {
  const int32_t n = sides.h * sides.w, kind = chance.within(0, 4), most = chance.within(1, n);
  const int32_t block = chance.within(1, 9);
  for (int32_t i = 0; i < n; ++i) {
    labels[i] = 0;
    if (kind == 0) labels[i] = chance.within(0, most);
    if (kind == 1) labels[i] = std::min(n, (i / sides.w / block * 7 + i % sides.w / block * 3) % (most + 1));
    if (kind == 2) labels[i] = most;
  }
  if (kind < 3) return;
  for (int32_t discs = chance.within(0, 12); discs > 0; --discs) {
    const int32_t label = chance.within(0, most);
    draw_disc(chance, sides, chance.one_in(4), [&](int32_t y, int32_t x) { labels[y * sides.w + x] = label; });
  }
}

void give_grey(Chance& chance, Case& made, Sides sides) {
  draw_grey(chance, sides, made.give<uint8_t>("grey", {sides.h, sides.w}));
}

void give_labels(Chance& chance, Case& made, Sides sides) {
  draw_labels(chance, sides, made.give<int32_t>("labels", {sides.h, sides.w}));
}

void give_plane(Chance& chance, Case& made, Sides sides) {
  std::vector<uint8_t> mask((size_t)(sides.h * sides.w));
  draw_mask(chance, sides, mask.data());
  const int32_t words = pw::plane_words(sides.w);
  uint64_t* plane = made.give<uint64_t>("plane", {sides.h, words});
  for (int32_t i = 0; i < sides.h * words; ++i) plane[i] = 0;
  for (int32_t i = 0; i < sides.h * sides.w; ++i)
    plane[i / sides.w * words + i % sides.w / 64] |= (uint64_t)mask[(size_t)i] << (i % sides.w % 64);
  made.give_number("width", sides.w);
}

Sides give_grey(Chance& chance, Case& made) {
  const Sides sides = draw_sides(chance);
  give_grey(chance, made, sides);
  return sides;
}

Sides give_plane(Chance& chance, Case& made) {
  const Sides sides = draw_sides(chance);
  give_plane(chance, made, sides);
  return sides;
}
