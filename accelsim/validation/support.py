"""What stands behind the price of each family of operators on each chip, by element type.

Every cell is read off a price: an operator in the middle of what models have is priced as in a run, and the price says
what it rests on (its residual) and what it warns of; the tables that a calibration names say which types they hold.  A
chip, a cost model or a kernel family of one's own shows up by itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from accelsim.catalog import Catalog
from accelsim.cost.base import COST_MODELS, CostModel, Region
from accelsim.cost.gpu.kernels.gemm import HALF_TYPES
from accelsim.cost.residual import ASSUMED, FITTED, INHERITED, OUTSIDE, TYPICAL
from accelsim.dtypes import DType
from accelsim.errors import AccelsimError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.warning import warning_id
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.experts import Experts
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm

_DATA = Path(__file__).parent / "data"
#: From the surest.
LEVELS = ("measured", "inherited", "typical", "assumed", "refused")
_HEADS = Heads(32, 8, 128)
#: One operator of each family, of extents in the middle of what models have.
FAMILIES: Mapping[str, Operator] = {
    "gemm": Gemm.of(512, 4096, 4096),
    "prefill attention": Attention.of(4, _HEADS, 1024, 1024),
    "decode attention": Attention.of(8, _HEADS, 1, 2048),
    "experts": Experts.of(tokens=512, hidden=4096, ffn=4096, num_experts=8, top_k=2),
    "reductions": Norm.of(512, 4096),
    "elementwise": Elementwise.of(512, 4096),
    "gather": Embedding.of(512, 4096, 32_000),
}
#: Narrow types are those of products and attention only, which leave wider results; int32 is that of sums.
_NARROW_FAMILIES = ("gemm", "prefill attention", "decode attention", "experts")
_FAMILIES_OF = {**dict.fromkeys((DType.FP8, DType.INT8, DType.FP4, DType.INT4), _NARROW_FAMILIES), DType.INT32: ()}
_OF_BASIS = {FITTED: 0, OUTSIDE: 0, INHERITED: 1, TYPICAL: 2, ASSUMED: 3}
_OF_WARNING = {
    "inherited-calibration": 1,
    "typical-calibration": 2,
    "dtype-uncalibrated": 3,
    "dtype-without-rate": 3,
    "assumed-calibration": 3,
}


@dataclass(frozen=True, slots=True)
class Support:
    """What a price rests on.

    Attributes:
        chip: Name of the chip.
        family: One of :data:`FAMILIES`.
        dtype: Element type.
        level: One of :data:`LEVELS`.
        reason: Why it is not measured; empty where it is.
    """

    chip: str
    family: str
    dtype: DType
    level: str
    reason: str = ""


def support_of(chip: Chip) -> Iterator[Support]:
    """Every family in every element type that makes sense for it.

    Args:
        chip: The chip.
    """
    model, region = COST_MODELS.get(chip.cost_model)(), Region(*chip.core_grid)
    for dtype in DType:
        for family in _FAMILIES_OF.get(dtype, tuple(FAMILIES)):
            level, reason = _level(model, _in_type(FAMILIES[family], dtype), chip, region)
            yield Support(chip.name, family, dtype, level, reason)


def support(names: Sequence[str] = (), catalog: Catalog | None = None) -> list[Support]:
    """Support of chips by name; by default of all there are.

    Args:
        names: Names or files of chips.
        catalog: Where they are looked up; None is the packaged one.

    Raises:
        ConfigError: A name is unknown or a file is wrong.
    """
    catalog = catalog or Catalog()
    chips = (load_chip(name, catalog=catalog) for name in names or catalog.names("chips"))
    return [one for chip in chips for one in support_of(chip)]


def _in_type(operator: Operator, dtype: DType) -> Operator:
    """The operator with all its tensors in another type; ids stay ids."""
    inputs, outputs = (
        tuple(replace(tensor, dtype=dtype) if tensor.dtype is DType.BF16 else tensor for tensor in tensors)
        for tensors in (operator.inputs, operator.outputs)
    )
    return replace(operator, inputs=inputs, outputs=outputs)


def _level(model: CostModel, operator: Operator, chip: Chip, region: Region) -> tuple[str, str]:
    """What the price of an operator rests on, and why it is no measurement."""
    try:
        cost = model.cost(operator, chip, region)
    except AccelsimError as error:
        return LEVELS[-1], str(error)
    found = [(_OF_BASIS[cost.residual.basis], f"{cost.residual.family}: {cost.residual.basis}")]
    found += [(_OF_WARNING.get(warning_id(text) or "", 0), text.partition(": ")[2]) for text in cost.warnings]
    found += [(3, reason) for reason in _unseen(chip, cost.residual.family, operator.outputs[0].dtype)]
    level, reason = max(found, key=lambda one: one[0])
    return LEVELS[level], reason if level else ""


def _unseen(chip: Chip, section: str, dtype: DType) -> Iterator[str]:
    """Why a section does not cover a type: the tables that it was fitted to have no row in it."""
    tables = str(chip.calibration.get(f"{section}_range", {}).get("data", "")).split(", ")
    found = [_types_in(_DATA / name) for name in tables if (_DATA / name).is_file()]
    seen = {kind for table in found for kind in (table.get(chip.name) or frozenset().union(*table.values()))}
    alike = {one.value for one in HALF_TYPES} if dtype in HALF_TYPES else {dtype.value}
    if seen and not seen & alike:
        yield f"{section} was measured in {', '.join(sorted(seen))} only"


@cache
def _types_in(path: Path) -> Mapping[str, frozenset[str]]:
    """Element types of the rows of a table, by hardware; blank where it does not tell hardware apart."""
    found: dict[str, set[str]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            found.setdefault(row.get("hardware") or "", set()).add(row.get("dtype") or "")
    return {hardware: frozenset(kinds - {""}) for hardware, kinds in found.items()}
