// bind.cpp: the CPU build of the kernels as a Python module; bind/<idea>.cpp says what each kernel takes and refuses.
#include <nanobind/stl/vector.h>

#include "bind/door.hpp"

void bind_background(nb::module_& m);
void bind_cells(nb::module_& m);
void bind_cnn_input(nb::module_& m);
void bind_components(nb::module_& m);
void bind_erosion(nb::module_& m);
void bind_frames(nb::module_& m);
void bind_lasso(nb::module_& m);
void bind_quality(nb::module_& m);
void bind_render(nb::module_& m);
void bind_scratch(nb::module_& m);
void bind_split(nb::module_& m);
void bind_segment(nb::module_& m);
void bind_texture(nb::module_& m);

NB_MODULE(cpu, m) {
  m.doc() = "CPU build of the phasewell kernels.";
  m.def("instruction_sets", &door::instruction_sets, "Return the instruction sets this processor has, the best last.");
  bind_background(m);
  bind_cells(m);
  bind_cnn_input(m);
  bind_components(m);
  bind_erosion(m);
  bind_frames(m);
  bind_lasso(m);
  bind_quality(m);
  bind_render(m);
  bind_scratch(m);
  bind_split(m);
  bind_segment(m);
  bind_texture(m);
}
