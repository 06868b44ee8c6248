// cells.hpp: the table of the cells of a label image and their integers.
#ifndef PHASEWELL_CPU_CELLS_HPP
#define PHASEWELL_CPU_CELLS_HPP
#include "../phasewell_kernels/measure.cuh"
#include "tables.hpp"

struct CellsTable {
  int32_t (*list_cells)(const int32_t* labels, int32_t height, int32_t width, pw::CellRuns cells, pw::Scratch fast);
  void (*measure_cells)(const uint8_t* grey, int32_t width, pw::CellRuns cells, int32_t count, int64_t frame,
                        int32_t part, int32_t parts, int64_t* rows, pw::Scratch fast);
};
PW_DECLARE_TABLES(CellsTable, cells);
#endif
