// bind/scratch.cpp: how much scratch memory a block needs, for the launches on a GPU.
#include <nanobind/stl/pair.h>

#include <map>
#include <utility>

#include "../phasewell_kernels/cnn_input.cuh"
#include "door.hpp"

namespace {

using Sizes = std::pair<int64_t, int64_t>;

// fast: O(width) bytes or tables, for shared memory; large: O(height * width)
const std::map<std::string, Sizes (*)(int64_t height, int64_t width)> SIZES = {
    {"cnn_input", [](int64_t, int64_t) { return Sizes{pw::prepare_frame_bytes(), 0}; }},
    {"scale_images", [](int64_t, int64_t) { return Sizes{0, 0}; }},
};

Sizes scratch_bytes(const std::string& entry, int64_t height, int64_t width) {
  const auto found = SIZES.find(entry);
  if (found == SIZES.end()) door::refuse("scratch_bytes", entry + " is no entry point of a GPU");
  door::check_sides(entry, height, width);
  return found->second(height, width);
}

}  // namespace

void bind_scratch(nb::module_& m) {
  m.def("scratch_bytes", &scratch_bytes, "entry"_a, "height"_a, "width"_a,
        "Return the bytes of scratch memory a block of this entry point takes: small tables, and per pixel.");
}
