// bind.cpp: the CPU build of the kernels as a Python module; bind/<idea>.cpp says what each kernel takes and refuses.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_render(nb::module_& m);

NB_MODULE(cpu, m) {
  m.doc() = "CPU build of the phasewell kernels.";
  bind_render(m);
}
