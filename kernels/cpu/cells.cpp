// cells.cpp: the cells of a label image and their integers on a CPU.
#include "cells.hpp"

PW_TABLE(CellsTable, cells) = {pw::list_cells, pw::measure_cells};
