"""CPU build of the phasewell kernels."""
