"""Tensors with named axes, graphs that chain them, and the sums of a workload."""

from __future__ import annotations

import networkx
import pytest

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.blocks.base import entering, leaving
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Axis, Tensor

ROW = (Axis.of("batch", 2), Axis.of("hidden", 8))


def step(name: str, *sources: str, result: str | None = None) -> Elementwise:
    inputs = tuple(Tensor(source, ROW, DType.FP16) for source in sources)
    output = Tensor(result or name, ROW, DType.FP16)
    return Elementwise(name, inputs, (output,), "add" if len(sources) > 1 else "relu")


def diamond() -> OperatorGraph:
    return OperatorGraph("diamond", (step("a", "in"), step("b", "a"), step("c", "a"), step("d", "b", "c")))


def test_a_fused_axis_shards_each_part_and_replicates_the_small_ones() -> None:
    axis = Axis("qkv", ((8, 16), (2, 16), (2, 16)))
    assert (axis.size, axis.count, axis.width) == (192, 12, 16)
    assert axis.shard(2).parts == ((4, 16), (1, 16), (1, 16))
    assert axis.shard(4).parts == ((2, 16), (1, 16), (1, 16))


def test_an_uneven_share_names_the_degrees_that_work() -> None:
    with pytest.raises(
        ShapeError, match=r"axis 'heads': 6 blocks do not split over 4 ranks. Use one of \[1, 2, 3, 6\]"
    ):
        Axis.of("heads", 6, 16).shard(4)


def test_sub_byte_tensors_round_up_once() -> None:
    assert Tensor("t", (Axis.of("n", 3),), DType.INT4).size_bytes == 2
    assert Tensor("t", (Axis.of("m", 3), Axis.of("n", 3)), DType.INT4).size_bytes == 5


def test_edges_follow_tensor_names() -> None:
    assert [(i, j, tensor.name) for i, j, tensor in diamond().edges] == [
        (0, 1, "a"), (0, 2, "a"), (1, 3, "b"), (2, 3, "c"),
    ]  # fmt: skip
    graph = diamond().networkx
    assert networkx.is_directed_acyclic_graph(graph)
    assert set(graph.successors("a")) == {"b", "c"}
    assert graph.edges["b", "d"]["tensors"][0].name == "b"


def test_a_graph_knows_its_one_entry_and_exit() -> None:
    assert (entering(diamond()).name, leaving(diamond()).name) == ("in", "d")
    with pytest.raises(ShapeError, match="one activation leaves, got 2: a, b"):
        leaving(OperatorGraph("fork", (step("a", "in"), step("b", "in"))))
    with pytest.raises(ShapeError, match="one activation enters, got 2: x, y"):
        entering(OperatorGraph("join", (step("a", "x", "y"),)))


def test_a_malformed_graph_is_refused() -> None:
    with pytest.raises(ShapeError, match="operator names must be unique, twice: a"):
        OperatorGraph("g", (step("a", "in", result="x"), step("a", "in", result="y")))
    with pytest.raises(ShapeError, match="b reads 'a' before it is written"):
        OperatorGraph("g", (step("b", "a"), step("a", "in")))
    with pytest.raises(ShapeError, match="'x' is written by a and b"):
        OperatorGraph("g", (step("a", "in", result="x"), step("b", "in", result="x")))


def test_a_workload_sums_over_its_repeated_segments() -> None:
    graph = diamond()
    assert graph.flops == 4 * 16
    assert Workload("w", (Segment(graph), Segment(graph, repeat=3)), tokens=2).flops == 4 * graph.flops
    assert graph.map(lambda operator: operator.shard({"hidden": 2})).flops == graph.flops // 2
