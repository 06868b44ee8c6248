// cnn_input.hpp: the table of the CNN input.
#ifndef PHASEWELL_CPU_CNN_INPUT_HPP
#define PHASEWELL_CPU_CNN_INPUT_HPP
#include "../phasewell_kernels/cnn_input.cuh"
#include "tables.hpp"

struct CnnInputTable {
  void (*prepare)(const uint8_t* pixels, int32_t height, int32_t width, bool by_gain, uint8_t* picture,
                  int64_t* integers, pw::Scratch fast);
  void (*scale)(const uint8_t* picture, int32_t size, const float* means, const float* deviations, int32_t channels,
                float* scaled);
};
PW_DECLARE_TABLES(CnnInputTable, cnn_input);
#endif
