// gpu_on_host.hpp: what CUDA's compiler knows by itself, for g++: the text of the GPU kernels, entry points included,
// runs on a CPU as blocks of one thread, one after the other. Included before the source.
#include <math.h>
#include <stdint.h>

#define __CUDACC__ 1
#define __device__
#define __global__
#define __constant__ static
#define __shared__  // of one thread: its own
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct HostDim {
  unsigned x, y, z;
};
static HostDim threadIdx{0, 0, 0}, blockDim{1, 1, 1}, blockIdx{0, 0, 0}, gridDim{1, 1, 1};
static inline void __syncthreads() {}

template <typename T>
static T atomicAdd(T* at, T v) { const T old = *at; *at = (T)(old + v); return old; }
template <typename T>
static T atomicMin(T* at, T v) { const T old = *at; *at = v < old ? v : old; return old; }
template <typename T>
static T atomicMax(T* at, T v) { const T old = *at; *at = old < v ? v : old; return old; }
template <typename T>
static T atomicOr(T* at, T v) { const T old = *at; *at = (T)(old | v); return old; }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }

// dynamic shared memory: room for the largest chip's, and for what is watched behind it
namespace pw {
alignas(64) char pw_shared[300 * 1024];
}
extern "C" char* pw_shared_memory() { return pw::pw_shared; }
extern "C" void pw_choose_block(unsigned x, unsigned y) {
  blockIdx.x = x;
  blockIdx.y = y;
}
