// bind.cpp: the CPU build of the kernels as a Python module. Every argument is noconvert: nothing is copied silently.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(cpu, m) { m.doc() = "CPU build of the phasewell kernels."; }
