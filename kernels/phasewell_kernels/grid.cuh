// grid.cuh: the vocabulary that lets one kernel source run on a GPU and on a CPU.
//
// Three builds of the same text:
//   nvcc or NVRTC   the GPU kernel: a block of many threads;
//   g++             the CPU product: a block of one thread (barrier = nothing, atomic = plain arithmetic);
//   g++ -DPW_EMULATED (C++20)   a block of real threads and a real barrier, for tests and ThreadSanitizer.
//
// Rules: work is written in loops over PW_EACH between barriers; a block of one thread must give the same result;
// integer accumulation, so that order cannot matter; no early return before a barrier; what all threads branch on
// before a barrier must be the same for all of them; no warp intrinsics outside this file; memory that threads share
// comes from a Scratch, never from a static array; words that several threads write between two barriers are only
// touched through atomic_* and load / store below; every function called by a whole block ends with a barrier, so that
// its results can be read. Everything here and in the other .cuh is `static` on a CPU: the files are compiled once per
// instruction set, and shared inline functions would be merged across them. No standard library inside a .cuh.
#ifndef PHASEWELL_GRID_CUH
#define PHASEWELL_GRID_CUH

#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef unsigned long long uintptr_t;
#else
#include <math.h>
#include <stdint.h>
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define PW_CUDA 1
#define PW_DEVICE __device__ __forceinline__
#define PW_HOST_DEVICE __host__ __device__ __forceinline__  // for kernels and for the sizes that the host computes
#define PW_KERNEL extern "C" __global__ void  // entry points stand under #ifdef PW_CUDA at the end of a file
#define PW_BLOCK_CODE __device__ __noinline__  // large functions of a whole block: one copy, registers of its own
#define PW_ROW_CODE __device__ __noinline__  // loops over a row, with promises of __restrict__
// tables of exact integers; where threads read different entries, copy them first
#define PW_CONSTANT __constant__ const
#define PW_THREAD ((int32_t)threadIdx.x)
#define PW_THREADS ((int32_t)blockDim.x)
#define PW_BARRIER() __syncthreads()
// every (y, x) of [top, bottom) x [left, right) once per block
#define PW_EACH_2D(row, column, top, bottom, left, right)                                                        \
  for (int32_t pw_i = (int32_t)threadIdx.x, pw_w = (right) - (left); pw_i < pw_w * ((bottom) - (top));           \
       pw_i += (int32_t)blockDim.x)                                                                              \
    if (int32_t row = (top) + pw_i / pw_w, column = (left) + pw_i % pw_w; true)
#else
#define PW_DEVICE static inline
#define PW_HOST_DEVICE static inline
#define PW_BLOCK_CODE static inline
#define PW_ROW_CODE static __attribute__((noinline))  // inlined, its __restrict__ would be forgotten
#define PW_CONSTANT static const
// nested loops: a flat index with / and % costs 2-4x on a CPU
#define PW_EACH_2D(row, column, top, bottom, left, right)                              \
  for (int32_t row = (top) + PW_THREAD; row < (bottom); row += PW_THREADS)             \
    for (int32_t column = (left); column < (right); ++column)
#ifdef PW_EMULATED
#include "emulation.hpp"
#define PW_THREAD (pw_emulation::thread)
#define PW_THREADS (pw_emulation::threads)
#define PW_BARRIER() pw_emulation::barrier(__FILE__, __LINE__)
#else
#define PW_THREAD 0
#define PW_THREADS 1
#define PW_BARRIER()
#define PW_ROWS  // a block of one thread may work along rows, others by pixels: twins with the same results
#endif
#endif

// every index of [0, count) once per block
#define PW_EACH(index, count) for (int32_t index = PW_THREAD; index < (int32_t)(count); index += PW_THREADS)
#define PW_ONCE if (PW_THREAD == 0)

namespace pw {

PW_DEVICE int32_t low(int32_t a, int32_t b) { return a < b ? a : b; }
PW_DEVICE int32_t high(int32_t a, int32_t b) { return a > b ? a : b; }
PW_DEVICE int64_t low(int64_t a, int64_t b) { return a < b ? a : b; }
PW_DEVICE int64_t high(int64_t a, int64_t b) { return a > b ? a : b; }

// Atomics without order: each returns the old value. int32_t, uint32_t, int64_t, uint64_t.
#if defined(PW_CUDA)
PW_DEVICE int32_t atomic_add(int32_t& t, int32_t v) { return atomicAdd(&t, v); }
PW_DEVICE uint32_t atomic_add(uint32_t& t, uint32_t v) { return atomicAdd(&t, v); }
PW_DEVICE uint64_t atomic_add(uint64_t& t, uint64_t v) {
  return (uint64_t)atomicAdd((unsigned long long*)&t, (unsigned long long)v);
}
PW_DEVICE int64_t atomic_add(int64_t& t, int64_t v) {
  return (int64_t)atomicAdd((unsigned long long*)&t, (unsigned long long)v);
}
PW_DEVICE int32_t atomic_min(int32_t& t, int32_t v) { return atomicMin(&t, v); }
PW_DEVICE int32_t atomic_max(int32_t& t, int32_t v) { return atomicMax(&t, v); }
PW_DEVICE uint64_t atomic_max(uint64_t& t, uint64_t v) {
  return (uint64_t)atomicMax((unsigned long long*)&t, (unsigned long long)v);
}
PW_DEVICE uint32_t atomic_or(uint32_t& t, uint32_t v) { return atomicOr(&t, v); }
PW_DEVICE uint64_t atomic_or(uint64_t& t, uint64_t v) {
  return (uint64_t)atomicOr((unsigned long long*)&t, (unsigned long long)v);
}
template <typename T>
PW_DEVICE T load(const T& t) { return *(const volatile T*)&t; }
template <typename T>
PW_DEVICE void store(T& t, T v) { *(volatile T*)&t = v; }
#elif defined(PW_EMULATED)
template <typename T>
PW_DEVICE T load(const T& t) { return __atomic_load_n(&t, __ATOMIC_RELAXED); }
template <typename T>
PW_DEVICE void store(T& t, T v) { __atomic_store_n(&t, v, __ATOMIC_RELAXED); }
template <typename T>
PW_DEVICE T atomic_add(T& t, T v) { return __atomic_fetch_add(&t, v, __ATOMIC_RELAXED); }
template <typename T>
PW_DEVICE T atomic_or(T& t, T v) { return __atomic_fetch_or(&t, v, __ATOMIC_RELAXED); }
template <typename T>
PW_DEVICE T atomic_min(T& t, T v) {
  T old = load(t);
  while (v < old && !__atomic_compare_exchange_n(&t, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <typename T>
PW_DEVICE T atomic_max(T& t, T v) {
  T old = load(t);
  while (old < v && !__atomic_compare_exchange_n(&t, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
#else
template <typename T>
PW_DEVICE T load(const T& t) { return t; }
template <typename T>
PW_DEVICE void store(T& t, T v) { t = v; }
template <typename T>
PW_DEVICE T atomic_add(T& t, T v) { const T old = t; t = (T)(old + v); return old; }
template <typename T>
PW_DEVICE T atomic_or(T& t, T v) { const T old = t; t = (T)(old | v); return old; }
template <typename T>
PW_DEVICE T atomic_min(T& t, T v) { const T old = t; t = v < old ? v : old; return old; }
template <typename T>
PW_DEVICE T atomic_max(T& t, T v) { const T old = t; t = old < v ? v : old; return old; }
#endif

// position of the lowest set bit (v != 0), number of set bits, position of the highest set bit (v != 0)
#if defined(PW_CUDA)
PW_DEVICE int32_t lowest_bit(uint64_t v) { return __ffsll((long long)v) - 1; }
PW_DEVICE int32_t count_bits(uint64_t v) { return __popcll(v); }
PW_DEVICE int32_t highest_bit(uint32_t v) { return 31 - __clz((int)v); }
#else
PW_DEVICE int32_t lowest_bit(uint64_t v) { return __builtin_ctzll(v); }
PW_DEVICE int32_t count_bits(uint64_t v) { return __builtin_popcountll(v); }
PW_DEVICE int32_t highest_bit(uint32_t v) { return 31 - __builtin_clz(v); }
#endif

constexpr int32_t MAX_THREADS = 1024;  // of a block
constexpr int32_t ALIGNMENT = 64;      // bytes: a cache line and a CPU vector

// Memory that the threads of a block share, handed down by value: what a function takes is free again when it returns,
// and its caller's part is never touched. Contents are undefined. On a GPU a Scratch lies in shared or global memory.
struct Scratch {
  char* at;
};

template <typename T>
PW_DEVICE T* take(Scratch& scratch, int64_t count) {
  T* taken = (T*)scratch.at;
  scratch.at += (count * (int64_t)sizeof(T) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return taken;
}

#ifdef PW_CUDA
// this block's part of a global arena, or the dynamic shared memory where `arena` is null
PW_DEVICE Scratch block_scratch(char* arena, int64_t stride) {
  extern __shared__ __align__(64) char pw_shared[];
  return Scratch{arena ? arena + (int64_t)blockIdx.x * stride : pw_shared};
}
#endif

// bytes of a `take`, for the sizes that the host computes
// (compiled for the host only: kernels never call it)
constexpr int64_t taken_bytes(int64_t count, int64_t size) {
  return (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}
constexpr int64_t SCAN_BYTES = taken_bytes(MAX_THREADS + 1, sizeof(int32_t));

// values[i] becomes the sum of those before it; returns the sum of all. Takes SCAN_BYTES. Sums must stay below 2^31.
PW_DEVICE int32_t exclusive_scan(int32_t* values, int32_t count, Scratch scratch) {
  int32_t* part = take<int32_t>(scratch, MAX_THREADS + 1);
  const int32_t share = (count + PW_THREADS - 1) / PW_THREADS;
  const int32_t first = low(PW_THREAD * share, count), last = low(first + share, count);
  int32_t sum = 0;
  for (int32_t i = first; i < last; ++i) sum += values[i];
  part[PW_THREAD] = sum;
  PW_BARRIER();
  PW_ONCE {
    int32_t before = 0;
    for (int32_t t = 0; t < PW_THREADS; ++t) {
      const int32_t own = part[t];
      part[t] = before;
      before += own;
    }
    part[PW_THREADS] = before;
  }
  PW_BARRIER();
  int32_t before = part[PW_THREAD];
  for (int32_t i = first; i < last; ++i) {
    const int32_t own = values[i];
    values[i] = before;
    before += own;
  }
  const int32_t total = part[PW_THREADS];
  PW_BARRIER();
  return total;
}

}  // namespace pw
#endif
