// cells.hpp: the rows of the cells of one frame, and of many frames as one array.
#ifndef PHASEWELL_BIND_CELLS_HPP
#define PHASEWELL_BIND_CELLS_HPP
#include "../cpu/cells.hpp"

#include <memory>
#include <vector>

#include "door.hpp"

namespace cells {

using Rows = nb::ndarray<nb::numpy, int64_t, nb::shape<-1, pw::CELL_COLUMNS>>;

// the rows of one frame, or, as a negative count, why there are none
struct Part {
  std::unique_ptr<int64_t[]> rows;
  int32_t count = 0;
};

constexpr int64_t WORK_BYTES = pw::LIST_BYTES > pw::MEASURE_BYTES ? pw::LIST_BYTES : pw::MEASURE_BYTES;

// labels: as pw::list_cells takes them; memory: WORK_BYTES
Part measure_frame(const CellsTable& table, const uint8_t* grey, const int32_t* labels, int32_t height, int32_t width,
                   int64_t frame, pw::CellRuns runs, pw::Scratch memory);
Rows join_parts(const std::vector<Part>& parts);  // needs the GIL

}  // namespace cells
#endif
