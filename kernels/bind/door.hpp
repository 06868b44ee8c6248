// door.hpp: what every binding shares: array types, refusals, the instruction set, frames spread over threads.
#ifndef PHASEWELL_DOOR_HPP
#define PHASEWELL_DOOR_HPP
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "../cpu/tables.hpp"
#include "../phasewell_kernels/grid.cuh"

namespace nb = nanobind;
using namespace nb::literals;

namespace door {

// inputs may be read-only; nothing is ever converted or copied
template <typename T, typename Shape>
using In = nb::ndarray<const T, Shape, nb::c_contig, nb::device::cpu>;
template <typename T, typename Shape>
using Out = nb::ndarray<T, Shape, nb::c_contig, nb::device::cpu>;

using Frames = nb::shape<-1, -1, -1>;

[[noreturn]] inline void refuse(const std::string& function, const std::string& what) {
  throw std::invalid_argument(function + ": " + what);
}

constexpr int64_t MAX_SIDE = 16384;         // px; coordinates fit 15 bits
constexpr int64_t MAX_PIXELS = int64_t{1} << 24;  // of a frame: 4096 x 4096; sums below are sized for it

// Raises ValueError unless (height, width) is a frame the kernels can count in: their integers are sized for it.
void check_sides(const std::string& function, int64_t height, int64_t width);

enum class Isa { plain, avx2, avx512 };
Isa find_isa(const std::string& name);  // "best", or one by name; ValueError for one this processor lacks
std::vector<std::string> instruction_sets();  // those of this processor, the best last

template <typename Table>
const Table& choose(Isa isa, const Table* plain, const Table* avx2, const Table* avx512) {
  return *(isa == Isa::avx512 ? avx512 : isa == Isa::avx2 ? avx2 : plain);
}

// Calls work(frame, scratch) for every frame, on up to `threads` threads, each with `scratch_bytes` of its own.
// Call it without the GIL. Scratch memory is kept between calls: fresh pages would cost a fifth of the time.
void each_frame(int64_t frames, int32_t threads, int64_t scratch_bytes,
                const std::function<void(int64_t, pw::Scratch)>& work);

}  // namespace door
#endif
