// render.cuh: one synthetic phase-contrast frame and its truth labels, from integers only.
//
// A cell is an outline in its own axes u (long) and v (across): KNOTS half-widths above and below the long axis.
// Per pixel: signed distance to that outline -> optical profile (halo outside, dark rim inside) -> texture, nucleus.
// Background, mottling and camera noise are added at the end. No floats, so every device gives the same bits;
// `>>` of a negative number is an arithmetic shift on all our compilers.
// budget: render_frames registers<=64 smem<=32768
#ifndef PHASEWELL_RENDER_CUH
#define PHASEWELL_RENDER_CUH
#include "grid.cuh"

namespace pw {

constexpr int32_t KNOTS = 33;            // outline samples along u, both ends included
constexpr int32_t PROFILE = 128;         // samples of an optical profile
constexpr int32_t TEXTURE = 256;         // side of the periodic texture tile
constexpr int32_t TILE_H = 32, TILE_W = 128;
constexpr int32_t MOTTLE_W = TEXTURE + TILE_W;  // periodic along rows, so that a tile reads them in one piece

struct RenderCell {        // Q4 = 1/16 px or 1/16 grey level
  int32_t y, x;            // centre, Q4 px
  int32_t cosine, sine;    // direction of u, Q14
  int32_t half_length;     // Q4 px, > 0
  int32_t knot_scale;      // (u + half_length) * knot_scale >> 10 = knot position in Q8
  int32_t top, left, bottom, right;  // px, everything the cell can change; exclusive ends
  int32_t kind;            // row of the optical profiles
  int32_t label;           // 0: debris, no truth
  int32_t amplitude;       // of the profile, Q8
  int32_t plateau;         // grey inside, Q4
  int32_t texture_amplitude;  // Q4 grey at full tile value (127)
  int32_t texture_scale;   // tile samples per px, Q8
  int32_t texture_v, texture_u;  // offset in the tile
  int32_t nucleus_u;       // Q4 px along u
  int32_t nucleus_scale;   // 64 / radius^2 of the nucleus in Q4 px^2, Q16
  int32_t nucleus_amplitude;  // Q4 grey
  int32_t upper_most, lower_most;  // Q4 px, extremes of the outline in v
  int32_t most_pp, most_pm, most_mp, most_mm;  // Q4 px, maxima over the outline of u + v, u - v, v - u, -u - v
};
constexpr int32_t CELL_FIELDS = sizeof(RenderCell) / sizeof(int32_t);

struct RenderFrame {
  int32_t level;           // mean background, Q4 grey
  int32_t slope_y, slope_x, bend_y, bend_x;  // Q4 grey at the edge of the longer side, centre = 0
  int32_t mottle_amplitude;   // Q4 grey at full tile value
  int32_t mottle_v, mottle_u; // offset in the mottling, px
  int32_t noise;           // Q4 grey per unit of the summed bytes (SD 147.8), Q8
  uint32_t noise_key;      // counter-based noise: same key and pixel, same noise
};
constexpr int32_t FRAME_FIELDS = sizeof(RenderFrame) / sizeof(int32_t);

PW_DEVICE uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// distance to the octagon around the outline, Q4 px, > 0 inside: never less than the distance to the outline
PW_DEVICE int32_t octagon_distance(const RenderCell& cell, int32_t u, int32_t v) {
  const int32_t box = low(cell.half_length - (u < 0 ? -u : u), low(cell.upper_most - v, v - cell.lower_most));
  const int32_t rising = low(cell.most_pp - u - v, cell.most_mm + u + v);
  const int32_t falling = low(cell.most_pm - u + v, cell.most_mp + u - v);
  return low(box, (low(rising, falling) * 181) >> 8);  // 181 / 256 = 1 / sqrt 2
}

// distance to the outline along v, reduced by its slope, Q4 px, > 0 inside
// outline: (KNOTS, 4) upper, lower (Q4 px), their slope cosines (Q8)
PW_DEVICE int32_t outline_distance(const RenderCell& cell, const int16_t* outline, int32_t u, int32_t v) {
  const int32_t place = low(high(((u + cell.half_length) * cell.knot_scale) >> 10, 0), (KNOTS - 1) * 256 - 1);
  const int16_t* knot = outline + (place >> 8) * 4;  // range [0, KNOTS - 2]
  const int32_t part = place & 255;
  const int32_t upper = knot[0] + (((knot[4] - knot[0]) * part) >> 8);
  const int32_t lower = knot[1] + (((knot[5] - knot[1]) * part) >> 8);
  const int32_t upper_cosine = knot[2] + (((knot[6] - knot[2]) * part) >> 8);
  const int32_t lower_cosine = knot[3] + (((knot[7] - knot[3]) * part) >> 8);
  return low(((upper - v) * upper_cosine) >> 8, ((v - lower) * lower_cosine) >> 8);
}

// grey of the cell's interior beyond its profile: plateau, texture, nucleus; Q4 grey
PW_DEVICE int32_t interior(const RenderCell& cell, const int8_t* texture, int32_t u, int32_t v) {
  const int32_t tv = ((v * cell.texture_scale) >> 12) + cell.texture_v;
  const int32_t tu = ((u * cell.texture_scale) >> 12) + cell.texture_u;
  const int32_t grain = texture[(tv & (TEXTURE - 1)) * TEXTURE + (tu & (TEXTURE - 1))];
  const int32_t du = low(high(u - cell.nucleus_u, -1023), 1023), dv = low(high(v, -1023), 1023);
  const uint32_t squares = (uint32_t)(du * du + dv * dv);
  const int32_t depth = 64 - (int32_t)low((int32_t)(((uint64_t)squares * (uint32_t)cell.nucleus_scale) >> 16), 255);
  // depth 64 at the centre, 0 at the rim: a bright rim 16 wide around a darker body
  const int32_t nucleus = depth > 0 ? cell.nucleus_amplitude : depth > -24 ? -cell.nucleus_amplitude : 0;
  return cell.plateau + ((cell.texture_amplitude * grain) >> 7) + nucleus;
}

// one tile of one frame; scratch of TILE_H * TILE_W each
// cells: (n); outlines: (n, KNOTS, 4); profiles: (kinds, PROFILE) Q4 grey; texture: (TEXTURE, TEXTURE);
// mottle: (TEXTURE, MOTTLE_W)
// profile index = (distance + reach) * profile_scale >> 16
PW_DEVICE void render_tile(const RenderFrame& frame, const RenderCell* cells, const int16_t* outlines, int32_t n,
                           const int16_t* profiles, const int8_t* texture, const int8_t* mottle, int32_t reach,
                           int32_t profile_scale, int32_t height, int32_t width, int32_t tile_y, int32_t tile_x,
                           int16_t* __restrict__ body, int16_t* __restrict__ halo, int32_t* __restrict__ owner,
                           uint8_t* __restrict__ pixels, int32_t* __restrict__ labels) {
  const int32_t top = tile_y * TILE_H, left = tile_x * TILE_W;
  const int32_t bottom = low(top + TILE_H, height), right = low(left + TILE_W, width);
  PW_EACH(i, TILE_H * TILE_W) { body[i] = 0; halo[i] = 0; owner[i] = 0; }
  PW_BARRIER();
  for (int32_t c = 0; c < n; ++c) {  // in order: a later cell lies on top
    const RenderCell cell = cells[c];
    const int32_t y0 = high(cell.top, top), y1 = low(cell.bottom, bottom);
    const int32_t x0 = high(cell.left, left), x1 = low(cell.right, right);
    if (y0 >= y1 || x0 >= x1) continue;  // the same for the whole block
    const int16_t* outline = outlines + (int64_t)c * KNOTS * 4;
    const int16_t* profile = profiles + cell.kind * PROFILE;
    PW_EACH_2D(y, x, y0, y1, x0, x1) {
      const int32_t dy = y * 16 - cell.y, dx = x * 16 - cell.x;
      const int32_t u = (dx * cell.cosine + dy * cell.sine) >> 14, v = (dy * cell.cosine - dx * cell.sine) >> 14;
      const int32_t bound = octagon_distance(cell, u, v);
      if (bound + reach < 0) continue;
      // the octagon also bounds the distance where slopes are too steep to say it
      const int32_t distance = low(bound, outline_distance(cell, outline, u, v));
      if (distance + reach < 0) continue;
      const int32_t sample = low(((distance + reach) * profile_scale) >> 16, PROFILE - 1);
      const int32_t optical = (profile[sample] * cell.amplitude) >> 8;
      const int32_t i = (y - top) * TILE_W + (x - left);
      if (distance >= 0) {
        body[i] = (int16_t)(optical + interior(cell, texture, u, v));
        owner[i] = cell.label;
        halo[i] = (int16_t)(halo[i] >> 2);  // what lies below hardly shines through
      } else {
        halo[i] = (int16_t)(halo[i] > 0 || optical > 0 ? high(halo[i], optical) : low(halo[i], optical));
      }
    }
    PW_BARRIER();  // the next cell maps its pixels to other threads
  }
  const int32_t longer = high(height, width);
  const int32_t start = (left + frame.mottle_u) & (TEXTURE - 1);
  const int32_t step = (1024 << 14) / longer;  // position in 1/512 of half the longer side
  PW_EACH_2D(y, x, top, bottom, left, right) {
    const int32_t py = ((2 * y - height) * step) >> 15, px = ((2 * x - width) * step) >> 15;  // range [-512, 512]
    const int32_t plane = (frame.slope_y * py + frame.slope_x * px) >> 9;
    const int32_t bowl = (frame.bend_y * ((py * py) >> 9) + frame.bend_x * ((px * px) >> 9)) >> 9;
    const int32_t grain = mottle[((y + frame.mottle_v) & (TEXTURE - 1)) * MOTTLE_W + start + (x - left)];
    const uint32_t bits = mix((uint32_t)(y * width + x) ^ frame.noise_key);
    const int32_t sum = (int32_t)((bits & 255u) + ((bits >> 8) & 255u) + ((bits >> 16) & 255u) + (bits >> 24)) - 510;
    const int32_t i = (y - top) * TILE_W + (x - left);
    const int32_t shade = owner[i] ? (halo[i] * 5) >> 3 : halo[i];
    const int32_t grey = frame.level + plane + bowl + ((frame.mottle_amplitude * grain) >> 7) +
                         ((frame.noise * sum) >> 8) + body[i] + shade;
    const int64_t at = (int64_t)y * width + x;
    pixels[at] = (uint8_t)low(high((grey + 8) >> 4, 0), 255);
    labels[at] = owner[i];
  }
  PW_BARRIER();
}

}  // namespace pw

#ifdef PW_CUDA
// grid: (tiles, frames); cells of frame f are [offsets[f], offsets[f + 1])
PW_KERNEL render_frames(const pw::RenderFrame* frames, const int64_t* offsets, const pw::RenderCell* cells,
                        const int16_t* outlines, const int16_t* profiles, const int8_t* texture, const int8_t* mottle,
                        int32_t reach, int32_t profile_scale, int32_t height, int32_t width, uint8_t* pixels,
                        int32_t* labels) {
  __shared__ int16_t body[pw::TILE_H * pw::TILE_W];
  __shared__ int16_t halo[pw::TILE_H * pw::TILE_W];
  __shared__ int32_t owner[pw::TILE_H * pw::TILE_W];
  const int32_t f = (int32_t)blockIdx.y, columns = (width + pw::TILE_W - 1) / pw::TILE_W;
  const int64_t first = offsets[f], size = (int64_t)height * width;
  pw::render_tile(frames[f], cells + first, outlines + first * pw::KNOTS * 4, (int32_t)(offsets[f + 1] - first),
                  profiles, texture, mottle, reach, profile_scale, height, width, (int32_t)blockIdx.x / columns,
                  (int32_t)blockIdx.x % columns, body, halo, owner, pixels + f * size, labels + f * size);
}
#endif
#endif
