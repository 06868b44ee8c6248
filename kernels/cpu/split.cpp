// split.cpp: touching cells parted on a CPU.
#include "split.hpp"

PW_TABLE(SplitTable, split) = {pw::split_pieces};
