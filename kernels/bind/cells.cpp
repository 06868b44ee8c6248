// cells.cpp: the exact integers of every cell for Python.
#include "cells.hpp"

#include <algorithm>
#include <utility>

namespace cells {

Part measure_frame(const CellsTable& table, const uint8_t* grey, const int32_t* labels, int32_t height, int32_t width,
                   int64_t frame, pw::CellRuns runs, pw::Scratch memory) {
  Part part;
  part.count = table.list_cells(labels, height, width, runs, memory);
  if (part.count <= 0) return part;
  part.rows.reset(new int64_t[(size_t)part.count * pw::CELL_COLUMNS]);
  table.measure_cells(grey, width, runs, part.count, frame, 0, 1, part.rows.get(), memory);
  return part;
}

Rows join_parts(const std::vector<Part>& parts) {
  int64_t count = 0;
  for (const Part& part : parts) count += part.count;
  auto joined = std::make_unique<int64_t[]>((size_t)std::max<int64_t>(count * pw::CELL_COLUMNS, 1));
  int64_t* at = joined.get();
  for (const Part& part : parts) at = std::copy_n(part.rows.get(), (size_t)part.count * pw::CELL_COLUMNS, at);
  const nb::capsule owner(joined.get(), [](void* rows) noexcept { delete[] static_cast<int64_t*>(rows); });
  return Rows(joined.release(), {(size_t)count, (size_t)pw::CELL_COLUMNS}, owner);
}

}  // namespace cells

namespace {

using cells::Part;

void check_labels(const std::vector<Part>& parts, int64_t first_frame) {
  const auto find = [&](int32_t fault) {
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.count == fault; });
    return found - parts.begin();
  };
  const auto frames = (int64_t)parts.size(), negative = (int64_t)find(pw::NEGATIVE_LABEL);
  if (negative < frames)
    door::refuse("measure_cells", "labels: frame " + std::to_string(first_frame + negative) +
                                      " has negative values; expected 0 for background and 1.. for cells");
  const auto large = (int64_t)find(pw::LARGE_LABEL);
  if (large < frames)
    throw std::overflow_error("measure_cells: labels: frame " + std::to_string(first_frame + large) +
                              " has labels above its number of pixels; number them anew");
}

cells::Rows measure_cells(door::In<uint8_t, door::Frames> grey, door::In<int32_t, door::Frames> labels,
                          int64_t first_frame,
                   int32_t threads, const std::string& instructions) {
  const auto frames = (int64_t)labels.shape(0), height = (int64_t)labels.shape(1), width = (int64_t)labels.shape(2);
  if ((int64_t)grey.shape(0) != frames || (int64_t)grey.shape(1) != height || (int64_t)grey.shape(2) != width)
    door::refuse("measure_cells", "grey and labels differ in shape");
  door::check_sides("measure_cells", height, width);
  const CellsTable& table = PW_CHOOSE(cells, door::find_isa(instructions));
  std::vector<Part> parts((size_t)(height && width ? frames : 0));
  const int64_t scratch = pw::cell_runs_bytes(height, width) + cells::WORK_BYTES;
  const uint8_t* pixels = grey.data();
  const int32_t* first = labels.data();
  {
    nb::gil_scoped_release unlocked;
    door::each_frame((int64_t)parts.size(), threads, scratch, [&](int64_t f, pw::Scratch memory) {
      const int64_t at = f * height * width;
      const pw::CellRuns runs = pw::take_cell_runs(memory, height, width);
      parts[(size_t)f] = cells::measure_frame(table, pixels + at, first + at, (int32_t)height, (int32_t)width,
                                              first_frame + f, runs, memory);
    });
  }
  check_labels(parts, first_frame);
  return cells::join_parts(parts);
}

}  // namespace

std::pair<int64_t, int64_t> list_cells_scratch(int64_t height, int64_t width) {
  return {pw::LIST_BYTES, pw::cell_runs_bytes(height, width)};
}

std::pair<int64_t, int64_t> measure_cells_scratch(int64_t height, int64_t width) {
  // a block of many threads counts in one table, without the buffers that MEASURE_BYTES has for one thread
  const int64_t fast = pw::taken_bytes(1, sizeof(pw::CellSums)) + pw::taken_bytes(pw::LEVEL_TABLE, sizeof(uint32_t));
  return {fast, pw::cell_runs_bytes(height, width)};
}

void bind_cells(nb::module_& m) {
  m.attr("CELL_COLUMNS") = (int32_t)pw::CELL_COLUMNS;
  m.attr("NEGATIVE_LABEL") = pw::NEGATIVE_LABEL;
  m.def("measure_cells", &measure_cells, "grey"_a.noconvert(), "labels"_a.noconvert(), "first_frame"_a.noconvert() = 0,
        "threads"_a = 1, "instructions"_a = "best", "Return the exact integers of every cell of a label image.");
}
