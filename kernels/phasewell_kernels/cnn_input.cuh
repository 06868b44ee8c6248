// cnn_input.cuh: from a frame to the picture a network reads: brightness adjusted to one mean, sides divided by four.
//
// Two readings of a frame of (height, width) uint8, both sides divisible by 4. First the sum of its pixels; from it
// one linear map for the whole frame, grey = clip((pixel * gain + bias) >> 16, 0, 255):
//   offset mode  gain 65536, bias = shift * 65536; shift = 130 - mean, the nearest whole level, halves up;
//   gain mode    gain = 130 / mean in 1/65536, the nearest, halves up, at most 128; bias 32768 rounds. Black frames: 1.
// Then each 4 x 4 square becomes the mean of its central 2 x 2 after the map, (sum + 2) / 4: linear interpolation at
// the centre, as OpenCV resizes 8 bit by four. Pixels that the map sends outside 0..255 are counted over the whole
// frame.
// The scaling to float32 divides by 255, subtracts the channel's mean, divides by its deviation: three roundings, in
// this order, on every device; all channels hold the same grey picture.
//
// Bytes moved per frame of 1000 x 1000: 2 MB read, 62,500 written; scaled to 3 channels: 62,500 read, 750,000 written.
// Ranges at 2^24 px: sum <= 255 * 2^24 < 2^32; 128 * 65536 * 255 + 32768 < 2^31; the numerators below < 2^48.
// budget: cnn_input registers<=48 smem<=0
// budget: scale_images registers<=40 smem<=0
#ifndef PHASEWELL_CNN_INPUT_CUH
#define PHASEWELL_CNN_INPUT_CUH
#include "grid.cuh"

namespace pw {

constexpr int32_t SHRINK = 4;             // px of a frame per px of the picture, along each side
constexpr int32_t TARGET_LEVEL = 130;     // mean grey after the adjustment
constexpr int32_t MOST_GAIN = 128 << 16;  // keeps pixel * gain within 31 bits
constexpr int32_t INPUT_INTEGERS = 3;     // of a frame: sum of pixels, adjustment, clipped pixels

struct LevelMap {  // grey = clip((pixel * gain + bias) >> 16, 0, 255)
  int32_t gain, bias;
  int32_t adjustment;  // the shift in levels, or the gain in 1/65536
};

PW_DEVICE LevelMap choose_map(uint32_t sum, int64_t pixels, bool by_gain) {
  if (by_gain) {
    const int64_t wanted = sum ? (2 * ((int64_t)TARGET_LEVEL << 16) * pixels + sum) / (2 * (int64_t)sum) : 65536;
    const int32_t gain = (int32_t)low(wanted, (int64_t)MOST_GAIN);
    return LevelMap{gain, 32768, gain};
  }
  // 256 levels are added before the division and taken off after it: a quotient of positive numbers is their floor
  const int64_t twice = 2 * (TARGET_LEVEL * pixels - (int64_t)sum) + pixels;  // shift = floor(twice / (2 pixels))
  const int32_t shift = (int32_t)((twice + 512 * pixels) / (2 * pixels)) - 256;  // range [-125, 130]
  return LevelMap{65536, shift * 65536, shift};
}

PW_DEVICE int32_t map_level(const LevelMap& map, uint32_t pixel) {
  return low(high(((int32_t)pixel * map.gain + map.bias) >> 16, 0), 255);
}

// four neighbouring pixels, the first in the lowest byte. On a GPU frames lie at multiples of 4 bytes.
PW_DEVICE uint32_t four_pixels(const uint8_t* at) {
#ifdef PW_CUDA
  return *(const uint32_t*)at;
#else
  uint32_t four;
  __builtin_memcpy(&four, at, 4);
  return four;
#endif
}

// how many of four pixels lie outside [darkest, darkest + span]
PW_DEVICE uint32_t count_outside(uint32_t four, uint32_t darkest, uint32_t span) {
  return (uint32_t)((four & 255u) - darkest > span) + (uint32_t)(((four >> 8) & 255u) - darkest > span) +
         (uint32_t)(((four >> 16) & 255u) - darkest > span) + (uint32_t)((four >> 24) - darkest > span);
}

constexpr int64_t prepare_frame_bytes() { return taken_bytes(2, sizeof(uint32_t)); }

// picture: (height / 4, width / 4); integers: INPUT_INTEGERS. Takes prepare_frame_bytes().
PW_BLOCK_CODE void prepare_frame(const uint8_t* __restrict__ pixels, int32_t height, int32_t width, bool by_gain,
                                 uint8_t* __restrict__ picture, int64_t* __restrict__ integers, Scratch fast) {
  uint32_t* totals = take<uint32_t>(fast, 2);  // sum, clipped
  PW_ONCE { totals[0] = totals[1] = 0; }
  PW_BARRIER();
  uint32_t own = 0;
  const int32_t fours = height * width / 4;
  PW_EACH(i, fours) {
    const uint32_t four = four_pixels(pixels + (int64_t)i * 4);
    own += (four & 255u) + ((four >> 8) & 255u) + ((four >> 16) & 255u) + (four >> 24);
  }
  atomic_add(totals[0], own);
  PW_BARRIER();
  const uint32_t sum = load(totals[0]);
  const LevelMap map = choose_map(sum, (int64_t)height * width, by_gain);
  const int32_t darkest = high((map.gain - 1 - map.bias) / map.gain, 0);  // of the levels that the map keeps unclipped
  const int32_t brightest = low(((256 << 16) - 1 - map.bias) / map.gain, 255);
  const uint32_t span = (uint32_t)(brightest - darkest);
  const int32_t rows = height / SHRINK, columns = width / SHRINK;
  uint32_t clipped = 0;
  PW_EACH_2D(y, x, 0, rows, 0, columns) {
    const uint8_t* at = pixels + (int64_t)y * SHRINK * width + x * SHRINK;
    const uint32_t a = four_pixels(at), b = four_pixels(at + width);
    const uint32_t c = four_pixels(at + 2 * width), d = four_pixels(at + 3 * width);
    clipped += count_outside(a, (uint32_t)darkest, span) + count_outside(b, (uint32_t)darkest, span) +
               count_outside(c, (uint32_t)darkest, span) + count_outside(d, (uint32_t)darkest, span);
    const int32_t centre = map_level(map, (b >> 8) & 255u) + map_level(map, (b >> 16) & 255u) +
                           map_level(map, (c >> 8) & 255u) + map_level(map, (c >> 16) & 255u);
    picture[y * columns + x] = (uint8_t)((centre + 2) >> 2);
  }
  atomic_add(totals[1], clipped);
  PW_BARRIER();
  PW_ONCE {
    integers[0] = (int64_t)sum;
    integers[1] = map.adjustment;
    integers[2] = (int64_t)load(totals[1]);
  }
  PW_BARRIER();
}

// scaled: (channels, size) = (picture / 255 - mean) / deviation of each channel
PW_BLOCK_CODE void scale_picture(const uint8_t* __restrict__ picture, int32_t size, const float* means,
                                 const float* deviations, int32_t channels, float* __restrict__ scaled) {
  for (int32_t c = 0; c < channels; ++c) {
    const float mean = means[c], deviation = deviations[c];
    float* __restrict__ channel = scaled + (int64_t)c * size;
    PW_EACH(i, size) { channel[i] = ((float)picture[i] / 255.0f - mean) / deviation; }
  }
  PW_BARRIER();
}

}  // namespace pw

#ifdef PW_CUDA
// grid: frames; pixels at a multiple of 4 bytes; scratch of prepare_frame_bytes() each
PW_KERNEL __launch_bounds__(512) cnn_input(const uint8_t* pixels, int32_t height, int32_t width, int32_t by_gain,
                                           uint8_t* pictures, int64_t* integers, char* arena, int64_t stride) {
  const int64_t f = (int64_t)blockIdx.x, size = (int64_t)height * width;
  pw::prepare_frame(pixels + f * size, height, width, by_gain != 0, pictures + f * (size / (pw::SHRINK * pw::SHRINK)),
                    integers + f * pw::INPUT_INTEGERS, pw::block_scratch(arena, stride));
}

// grid: frames; size: px of a picture
PW_KERNEL __launch_bounds__(512) scale_images(const uint8_t* pictures, int32_t size, const float* means,
                                              const float* deviations, int32_t channels, float* scaled) {
  const int64_t f = (int64_t)blockIdx.x;
  pw::scale_picture(pictures + f * size, size, means, deviations, channels, scaled + f * size * channels);
}
#endif
#endif
