// energy_vectors.cuh: AVX-512 forms of the hot loops of texture.cuh and threshold.cuh, with the same bits.
#ifndef PHASEWELL_ENERGY_VECTORS_CUH
#define PHASEWELL_ENERGY_VECTORS_CUH
#include "grid.cuh"
#endif
