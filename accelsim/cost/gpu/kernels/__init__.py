"""Kernel families of GPUs: one file each, found by itself; see :mod:`accelsim.cost.gpu.kernels.base`."""
