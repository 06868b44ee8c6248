// gpu_on_host.hpp: what CUDA's compiler knows by itself, for g++: the text of the GPU kernels, entry points included,
// runs on a CPU, block after block, each of as many threads as is wanted. Included before the source.
#include <math.h>
#include <stdint.h>

#define __CUDACC__ 1
#define __device__
#define __global__
#define __constant__ static
#define __shared__ static  // of one block at a time
#define __forceinline__ inline
#define __host__
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct HostDim {
  unsigned x, y, z;
};
static thread_local HostDim threadIdx{0, 0, 0};
static HostDim blockDim{1, 1, 1}, blockIdx{0, 0, 0}, gridDim{1, 1, 1};
static void (*meet)() = nullptr;
static inline void __syncthreads() {
  if (meet) meet();
}

template <typename T>
static T atomicAdd(T* at, T v) { return __atomic_fetch_add(at, v, __ATOMIC_RELAXED); }
template <typename T>
static T atomicOr(T* at, T v) { return __atomic_fetch_or(at, v, __ATOMIC_RELAXED); }
template <typename T>
static T atomicAnd(T* at, T v) { return __atomic_fetch_and(at, v, __ATOMIC_RELAXED); }
template <typename T>
static T atomicExch(T* at, T v) { return __atomic_exchange_n(at, v, __ATOMIC_RELAXED); }
template <typename T>
static T atomicCAS(T* at, T old, T v) {
  __atomic_compare_exchange_n(at, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return old;
}
template <typename T>
static T atomicMin(T* at, T v) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (v < old && !__atomic_compare_exchange_n(at, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <typename T>
static T atomicMax(T* at, T v) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (old < v && !__atomic_compare_exchange_n(at, &old, v, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <typename T>
static T __ldg(const T* at) { return *at; }
static inline float __fsqrt_rn(float v) { return sqrtf(v); }
static inline double __dsqrt_rn(double v) { return sqrt(v); }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }
static inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }

// dynamic shared memory: room for the largest chip's, and for what is watched behind it
namespace pw {
alignas(64) char pw_shared[300 * 1024];
}
extern "C" char* pw_shared_memory() { return pw::pw_shared; }

// a thread of a block begins; `barrier` is null where it is the only one
extern "C" void pw_enter(unsigned thread, unsigned threads, unsigned x, unsigned y, unsigned rows, void (*barrier)()) {
  threadIdx.x = thread;
  if (thread) return;
  blockIdx = {x, y, 0};
  blockDim.x = threads;
  gridDim.y = rows;
  meet = barrier;
}
