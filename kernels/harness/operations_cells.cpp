// operations_cells.cpp: the cells of a label image and their integers.
#include <algorithm>

#include "operation.hpp"

namespace {

void draw_cells(Chance& chance, Case& made) {
  const Sides sides = draw_sides(chance);
  give_grey(chance, made, sides);
  give_labels(chance, made, sides);
  if (chance.one_in(30)) {
    const int32_t fault = chance.one_in(2) ? -chance.within(1, 1 << 30) : sides.h * sides.w + chance.within(1, 1 << 29);
    made.in<int32_t>("labels")[chance.within(0, sides.h * sides.w - 1)] = fault;
  }
  made.give_number("parts", chance.within(1, 3));
}

// Blocks share the cells of a frame on a GPU; one block measures all of them on a CPU.
void run_cells(const Runner& runner, Case& worked) {
  const int32_t h = worked.height("grey"), w = worked.width("grey");
  const auto* grey = worked.in<uint8_t>("grey");
  const auto* labels = worked.in<int32_t>("labels");
  const int32_t parts = runner.threads ? (int32_t)worked.number("parts") : 1;
  Array memory("i8", {pw::cell_runs_bytes(h, w) / 8 + 8});
  pw::Scratch kept{memory.memory.get() + (64 - (uintptr_t)memory.memory.get() % 64) % 64};
  const pw::CellRuns cells = pw::take_cell_runs(kept, h, w);
  {
    Returned<int32_t> returned(worked, "count");
    runner.block(pw::LIST_BYTES, [&](pw::Scratch scratch) {
      returned.put(runner.tables->cells->list_cells(labels, h, w, cells, scratch));
    });
  }
  const int32_t found = std::max(*worked.results.at("count").data<int32_t>(), 0);  // below 0: labels that are refused
  auto* rows = worked.result<int64_t>("rows", {found, pw::CELL_COLUMNS});
  for (int32_t part = 0; part < parts && found; ++part)
    runner.block(pw::MEASURE_BYTES, [&](pw::Scratch scratch) {
      runner.tables->cells->measure_cells(grey, w, cells, found, 3, part, parts, rows, scratch);
    });
}

}  // namespace

void add_cell_operations(std::vector<Operation>& all) { all.push_back({"cells", draw_cells, run_cells}); }
