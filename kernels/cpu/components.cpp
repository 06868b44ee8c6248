// components.cpp: connected pieces on a CPU.
#include "components.hpp"

PW_TABLE(ComponentsTable, components) = {pw::remove_small, pw::fill_holes, pw::clean_objects, pw::remove_walls,
                                          pw::label_pieces};
