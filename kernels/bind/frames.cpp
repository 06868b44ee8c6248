// frames.cpp: a frame's whole way for Python: quality, background, segmentation and cells while its pixels are
// in cache.
#include <algorithm>

#include "../cpu/background.hpp"
#include "cells.hpp"
#include "quality.hpp"
#include "segment.hpp"

namespace {

[[noreturn]] void refuse(const std::string& what) { door::refuse("measure_frames", what); }

struct Work {
  const QualityTable& quality;
  const BackgroundTable& background;
  const SegmentTable& segment;
  const CellsTable& cells;
  int32_t height, width;
  int32_t half, tolerance;  // half -1: the frames are adjusted already
  pw::Recipe recipe;

  int64_t scratch_bytes(bool keeps_labels) const {
    const int64_t size = (int64_t)height * width;
    const int64_t adjusting = pw::adjust_frame_fast_bytes(width) + pw::adjust_frame_bytes(height, width, half);
    const int64_t adjust = half < 0 ? 0 : adjusting;
    return pw::taken_bytes(size, 1) + (keeps_labels ? 0 : pw::taken_bytes(size, sizeof(int32_t))) +
           pw::cell_runs_bytes(height, width) +
           std::max({adjust, segment_scratch_bytes(height, width, recipe), cells::WORK_BYTES,
                     pw::sum_frame_bytes(width)});
  }

  cells::Part measure(const uint8_t* pixels, int32_t* labels, const quality::Sums& sums, int64_t frame,
                      pw::Scratch memory) const {
    const int64_t size = (int64_t)height * width;
    if (sums.integers) quality.sum(pixels, height, width, sums.integers, sums.rows, sums.columns, memory);
    if (!size) return {};
    const uint8_t* grey = pixels;
    if (half >= 0) {
      auto* adjusted = pw::take<uint8_t>(memory, size);
      background.adjust(pixels, height, width, half, tolerance, adjusted, memory);
      grey = adjusted;
    }
    const pw::CellRuns runs = pw::take_cell_runs(memory, height, width);
    if (labels) {
      segment.segment(grey, height, width, recipe, labels, {}, memory);
    } else {  // nobody wants them: runs are all that cells need, and the image is one to work in
      auto* work = pw::take<int32_t>(memory, size);
      segment.segment(grey, height, width, recipe, work, pw::label_runs(runs), memory);
    }
    return cells::measure_frame(cells, grey, labels, height, width, frame, runs, memory);
  }
};

cells::Rows measure_frames(door::In<uint8_t, door::Frames> pixels, int32_t half, int32_t tolerance,
                           door::In<int32_t, nb::shape<pw::RECIPE_NUMBERS>> recipe,
                           door::Out<int32_t, door::Frames> labels, quality::Integers integers, quality::Lines rows,
                           quality::Lines columns, int64_t first_frame, int32_t threads,
                           const std::string& instructions) {
  const auto frames = (int64_t)pixels.shape(0), height = (int64_t)pixels.shape(1), width = (int64_t)pixels.shape(2);
  door::check_sides("measure_frames", height, width);
  const bool keeps_labels = labels.shape(0) != 0;
  if (keeps_labels && ((int64_t)labels.shape(0) != frames || (int64_t)labels.shape(1) != height ||
                       (int64_t)labels.shape(2) != width))
    refuse("labels must have the shape of pixels, or no frames");
  const bool keeps_sums = integers.shape(0) != 0;
  if (keeps_sums || rows.shape(0) || columns.shape(0))
    quality::check("measure_frames", frames, height, width, integers, rows, columns);
  if (half < -1) refuse("half " + std::to_string(half) + ": expected -1 or more px");
  if (tolerance < 0 || tolerance > 255)
    refuse("tolerance " + std::to_string(tolerance) + ": expected 0..255 grey levels");
  const door::Isa isa = door::find_isa(instructions);
  const Work work{PW_CHOOSE(quality, isa), PW_CHOOSE(background, isa), PW_CHOOSE(segment, isa), PW_CHOOSE(cells, isa),
                  (int32_t)height,         (int32_t)width,             half,                    tolerance,
                  read_recipe(recipe.data())};
  std::vector<cells::Part> parts((size_t)frames);
  {
    nb::gil_scoped_release unlocked;
    const int64_t scratch = work.scratch_bytes(keeps_labels);
    door::each_frame((int64_t)parts.size(), threads, scratch, [&](int64_t f, pw::Scratch memory) {
      int32_t* own = keeps_labels ? labels.data() + f * height * width : nullptr;
      const quality::Sums sums = keeps_sums ? quality::sums_of(f, integers, rows, columns) : quality::Sums{};
      parts[(size_t)f] = work.measure(pixels.data() + f * height * width, own, sums, first_frame + f, memory);
    });
  }
  return cells::join_parts(parts);
}

}  // namespace

void bind_frames(nb::module_& m) {
  m.def("measure_frames", &measure_frames, "pixels"_a.noconvert(), "half"_a.noconvert(), "tolerance"_a.noconvert(),
        "recipe"_a.noconvert(), "labels"_a.noconvert(), "integers"_a.noconvert(), "rows"_a.noconvert(),
        "columns"_a.noconvert(), "first_frame"_a.noconvert() = 0, "threads"_a = 1, "instructions"_a = "best",
        "Return the exact integers of every cell of frames, quality to descriptors in one.");
}
