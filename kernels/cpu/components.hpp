// components.hpp: the table of the kernels that work on connected pieces.
#ifndef PHASEWELL_CPU_COMPONENTS_HPP
#define PHASEWELL_CPU_COMPONENTS_HPP
#include "../phasewell_kernels/components.cuh"
#include "tables.hpp"

struct ComponentsTable {
  void (*remove_small)(uint64_t* plane, int32_t height, int32_t width, int32_t least_area, pw::Scratch frame);
  void (*fill_holes)(uint64_t* plane, int32_t height, int32_t width, int32_t largest_area, pw::Scratch frame);
  void (*clean_objects)(uint64_t* plane, int32_t height, int32_t width, int32_t least_area, int32_t largest_area,
                        pw::Scratch frame);
  void (*remove_walls)(uint64_t* plane, int32_t height, int32_t width, int32_t depth, pw::Scratch frame);
  int32_t (*label_pieces)(const uint64_t* plane, int32_t height, int32_t width, bool remove_touching,
                          int32_t* labels, pw::LabelRuns found, pw::Scratch frame);
};
PW_DECLARE_TABLES(ComponentsTable, components);
#endif
