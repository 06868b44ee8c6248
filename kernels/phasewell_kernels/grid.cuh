// grid.cuh: the vocabulary that lets one kernel source run on a GPU and on a CPU.
//
// Rules: block-stride loops between barriers; a block of one thread must give the same result (the CPU build is one);
// integer accumulation, so that order cannot matter; no early return before a barrier; shared memory of fixed size.
#pragma once
#include <stdint.h>

#ifdef __CUDACC__
#define PW_DEVICE __device__ __forceinline__
#define PW_KERNEL extern "C" __global__ void
#define PW_SHARED __shared__
#define PW_BARRIER() __syncthreads()
#define PW_THREAD threadIdx.x
#define PW_THREADS blockDim.x
// every (y, x) of [top, bottom) x [left, right) once per block
#define PW_EACH_2D(y, x, top, bottom, left, right)                                                               \
  for (int32_t pw_i = (int32_t)threadIdx.x, pw_w = (right) - (left); pw_i < pw_w * ((bottom) - (top));           \
       pw_i += (int32_t)blockDim.x)                                                                              \
    if (int32_t y = (top) + pw_i / pw_w, x = (left) + pw_i % pw_w; true)
#define PW_ADD(target, value) atomicAdd(&(target), (value))
#else
#define PW_DEVICE static inline
#define PW_KERNEL static inline void
#define PW_SHARED
#define PW_BARRIER()
#define PW_THREAD 0u
#define PW_THREADS 1u
// nested loops: a flat index with / and % costs 2-4x on a CPU
#define PW_EACH_2D(y, x, top, bottom, left, right)  \
  for (int32_t y = (top); y < (bottom); ++y)        \
    for (int32_t x = (left); x < (right); ++x)
#define PW_ADD(target, value) ((target) += (value))
#endif

// every index of [0, count) once per block
#define PW_EACH(index, count) for (uint32_t index = PW_THREAD; index < (uint32_t)(count); index += PW_THREADS)
