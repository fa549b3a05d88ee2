"""Tensors under other names."""

from dataclasses import replace

from accelsim.dtypes import DType
from accelsim.workload.tensor import Axis, Role, Tensor


def test_a_renamed_tensor_is_the_same_but_for_its_name():
    tensor = Tensor("w", (Axis.of("k", 300), Axis.of("n", 40)), DType.FP8, Role.WEIGHT)
    renamed = tensor.renamed("v")
    assert renamed == replace(tensor, name="v")
    assert (renamed.size_bytes, renamed.num_elements) == (tensor.size_bytes, tensor.num_elements)
    assert tensor.name == "w"
