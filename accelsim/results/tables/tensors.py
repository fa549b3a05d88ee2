"""Bytes of the main memory by tensor."""

from __future__ import annotations

from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column
from accelsim.workload.operator import role_bytes
from accelsim.workload.tensor import Tensor

COLUMNS = ("block", "tensor", "role", "dtype", "shape", "size_bytes", "read_bytes", "written_bytes", "written_by")


def tensors_table(result: RunData) -> Columns:
    """One row per tensor of each block: shape and size of one chip's share, bytes read and written by all chips.

    Bytes are those that crossed the main memory (the SRAM, on a chip without another).  A cost model counts them per
    operator; they are spread over its tensors by compulsory bytes, so a tensor read twice shows twice its bytes.  Read
    plus written, by role, is the table of roles.  Shapes are those of the last pass.  Transfers have no tensors.
    """
    level = result.footprint.memory
    rows: dict[tuple[str, str], dict[str, object]] = {}
    moved_bytes: dict[tuple[str, str], list[float]] = {}
    for run in result.mapped.bookings():
        operator, cost = run.operator, run.cost
        if operator is None or not cost.on_cores:
            continue
        factor = run.count * cost.traffic_bytes.get(level, 0.0) / max(1, sum(role_bytes(operator).values()))
        sizes = [(t, operator.read_bytes(t), 0) for t in operator.inputs]
        sizes += [(t, t.size_bytes, 1) for t in operator.outputs]
        for tensor, nbytes, direction in sizes:
            key = run.block, tensor.name
            row = rows.setdefault(key, {"written_by": ""})
            row |= _describe(tensor)
            if direction == 1:
                row["written_by"] = operator.name
            moved_bytes.setdefault(key, [0.0, 0.0])[direction] += nbytes * factor
    for (block, tensor_name), row in rows.items():
        read_bytes, written_bytes = moved_bytes[block, tensor_name]
        row |= {"block": block, "tensor": tensor_name, "read_bytes": read_bytes, "written_bytes": written_bytes}
    return by_column(([row[name] for name in COLUMNS] for row in rows.values()), COLUMNS)


def _describe(tensor: Tensor) -> dict[str, object]:
    return {
        "role": tensor.role.value,
        "dtype": tensor.dtype.value,
        "shape": "x".join(map(str, tensor.shape)),
        "size_bytes": tensor.size_bytes,
    }
