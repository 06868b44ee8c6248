"""The kernels: one CUDA C++ source that g++ compiles for the CPU (`cpu`)."""
