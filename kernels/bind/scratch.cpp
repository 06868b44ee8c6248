// bind/scratch.cpp: how much scratch memory a block needs, for the launches on a GPU.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "../phasewell_kernels/background.cuh"
#include "../phasewell_kernels/cnn_input.cuh"
#include "../phasewell_kernels/components.cuh"
#include "../phasewell_kernels/erosion.cuh"
#include "../phasewell_kernels/quality.cuh"
#include "../phasewell_kernels/split.cuh"
#include "../phasewell_kernels/texture.cuh"
#include "../phasewell_kernels/segment.cuh"
#include "door.hpp"

// in cells.cpp
std::pair<int64_t, int64_t> list_cells_scratch(int64_t height, int64_t width);
std::pair<int64_t, int64_t> measure_cells_scratch(int64_t height, int64_t width);

namespace {

using Sizes = std::pair<int64_t, int64_t>;
using Numbers = std::vector<int64_t>;

struct Entry {
  size_t numbers;  // how many of the entry point's own numbers its memory depends on
  // fast: O(width) bytes or tables, for shared memory; large: O(height * width)
  Sizes (*sizes)(int64_t height, int64_t width, const Numbers& numbers);
};

// an entry point whose memory depends on the size of a frame alone
template <int64_t (*bytes)(int64_t, int64_t)>
constexpr Entry large() {
  return {0, [](int64_t height, int64_t width, const Numbers&) { return Sizes{0, bytes(height, width)}; }};
}

template <int64_t (*bytes)(int64_t)>
constexpr Entry fast() {
  return {0, [](int64_t, int64_t width, const Numbers&) { return Sizes{bytes(width), 0}; }};
}

template <Sizes (*sizes)(int64_t, int64_t)>
constexpr Entry both() {
  return {0, [](int64_t height, int64_t width, const Numbers&) { return sizes(height, width); }};
}

const Entry NOTHING = {0, [](int64_t, int64_t, const Numbers&) { return Sizes{0, 0}; }};

const std::map<std::string, Entry> ENTRIES = {
    {"adjust_background", {1, [](int64_t height, int64_t width, const Numbers& half) {
       return Sizes{pw::adjust_frame_fast_bytes(width), pw::adjust_frame_bytes(height, width, half[0])};
     }}},
    {"cnn_input", {0, [](int64_t, int64_t, const Numbers&) { return Sizes{pw::prepare_frame_bytes(), 0}; }}},
    {"fill_holes", large<pw::fill_holes_bytes>()},
    {"find_foreground", {4, [](int64_t height, int64_t width, const Numbers& n) {  // half, ratio, radius, cap
       const pw::ForegroundNumbers numbers = {(int32_t)n[0], (int32_t)n[1], (int32_t)n[2], 100, 0, (int32_t)n[3]};
       return Sizes{pw::measure_energy_bytes(height, width, n[0], n[1], n[2]),
                    pw::find_foreground_bytes(height, width, numbers)};
     }}},
    {"label_pieces", large<pw::label_pieces_bytes>()},
    {"list_cells", both<list_cells_scratch>()},
    {"measure_cells", both<measure_cells_scratch>()},
    {"place_cells", NOTHING},
    {"remove_small", large<pw::remove_small_bytes>()},
    {"remove_walls", large<pw::remove_walls_bytes>()},
    {"erode_planes", fast<pw::erode_plane_fast_bytes>()},
    {"split_frames", large<pw::split_bytes>()},
    {"segment_frames", {(size_t)pw::RECIPE_NUMBERS, [](int64_t height, int64_t width, const Numbers& n) {
       int32_t numbers[pw::RECIPE_NUMBERS];
       for (int32_t i = 0; i < pw::RECIPE_NUMBERS; ++i) numbers[i] = (int32_t)n[(size_t)i];
       pw::Recipe recipe;
       std::memcpy(&recipe, numbers, sizeof recipe);
       return Sizes{pw::segment_frame_fast_bytes(height, width, recipe),
                    pw::segment_frame_bytes(height, width, recipe) + pw::plane_bytes(height, width)};
     }}},
    {"sum_frames", fast<pw::sum_frame_bytes>()},
    {"render_frames", NOTHING},
    {"scale_images", NOTHING},
};

Sizes scratch_bytes(const std::string& entry, int64_t height, int64_t width, const Numbers& numbers) {
  const auto found = ENTRIES.find(entry);
  if (found == ENTRIES.end()) door::refuse("scratch_bytes", entry + " is no entry point of a GPU");
  if (numbers.size() != found->second.numbers)
    door::refuse("scratch_bytes", entry + " takes " + std::to_string(found->second.numbers) + " numbers");
  door::check_sides(entry, height, width);
  return found->second.sizes(height, width, numbers);
}

}  // namespace

void bind_scratch(nb::module_& m) {
  m.def("scratch_bytes", &scratch_bytes, "entry"_a, "height"_a, "width"_a, "numbers"_a = Numbers{},
        "Return the bytes of scratch memory a block of this entry point takes: small tables, and per pixel.");
}
