"""What a kernel family is: all that the package knows of one kind of GPU kernel, in one file.

A family holds the sections of the calibration block that it reads (their numbers, bounds and typical values), prices
operators by a formula over arrays, and says how rows of measured tables are priced by the same formula.  Pricing of a
run, ``accelsim cost``, ``calibrate`` and ``validate`` find it here; an outside package registers one with the same
decorator.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Self

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.launches import Trust
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Operation
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.registry import Registry
from accelsim.workload.operator import Operator
from accelsim.workload.steps import OperatorSeries


class KernelFamily:
    """One kind of kernel; a member overrides what differs from a family with a single section and no operators.

    Attributes:
        kinds: Kinds of the operators it prices; of several families that name a kind, the one that takes an operator
            prices it.
        operations: Rows of measured tables it prices, by the spelling of their ``op`` column.
        own_section: The section of every row, where there is one.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    operations: ClassVar[Mapping[str, Operation]] = {}
    own_section: ClassVar[Section | None] = None

    def takes(self, operator: Any) -> bool:
        """Whether it prices this operator of one of its kinds."""
        return True

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """Cost of each operator, all of them priced together.

        Args:
            operators: Operators that :meth:`takes` accepts, of any extents and element types.
            site: Where they run.

        Raises:
            ConfigError: The chip does not run an element type.
        """
        raise NotImplementedError(f"{type(self).__name__} prices no operators")

    def series(self, operators: OperatorSeries, site: Site) -> CostColumns | None:
        """Cost of an operator in every step of a decode, as columns; None: step by step.

        Args:
            operators: The operator in each step.
            site: Where it runs.
        """
        return None

    def section(self, op: str, dtype: DType) -> Section | None:
        """The section that rows of ``op`` determine; None where they determine none.

        Args:
            op: One of :attr:`operations`.
            dtype: Element type of the rows.
        """
        return self.own_section

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """The numbers that price rows of ``op`` on a chip, and why to trust them less.

        Args:
            op: One of :attr:`operations`.
            dtype: Element type of the rows.
            calibration: The chip's.
        """
        section = self.section(op, dtype)
        assert section is not None, f"{type(self).__name__} has rows of no section and does not say what prices them"
        return calibration.read(section)

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """Seconds of measured rows.

        Args:
            batch: The rows, all of one operator and element type.
            parameters: As :meth:`parameters` gives them, perhaps with some numbers replaced.
            site: Where they were measured.

        Raises:
            ConfigError: The chip does not run the element type.
        """
        raise NotImplementedError(f"{type(self).__name__} prices no measured rows")

    def start(self, section: Section, dtype: DType, calibration: GpuCalibration) -> Any:
        """Where a fit of ``section`` begins: the chip's numbers, or those that stand in.

        Args:
            section: What is fitted.
            dtype: Element type of its rows.
            calibration: The chip's.
        """
        return calibration.read(section)[0]

    def alternatives(self, section: Section, start: Any, is_stated: bool) -> tuple[Any, ...]:
        """Forms of the model that a fit of ``section`` tries, all with the numbers it begins from.

        Args:
            section: What is fitted.
            start: Where the fit begins.
            is_stated: Whether the chip has the section.
        """
        return (start,)

    def free(self, section: Section, start: Any, is_stated: bool) -> tuple[FreeParameter, ...]:
        """What a fit of ``section`` may change.

        Args:
            section: What is fitted.
            start: Where the fit begins.
            is_stated: Whether the chip has the section, so that ``start`` says which form of the model it uses.
        """
        return section.free


KERNEL_FAMILIES: Registry[type[KernelFamily]] = Registry("kernel family", "accelsim.cost.gpu.kernels")
register_kernel_family = KERNEL_FAMILIES.register


@dataclass(frozen=True)
class Families:
    """All families, for one round of pricing."""

    members: tuple[KernelFamily, ...]

    @classmethod
    def known(cls) -> Self:
        """Those registered."""
        return cls(_instances(tuple(family for _, family in KERNEL_FAMILIES.items())))

    @property
    def sections(self) -> tuple[Section, ...]:
        """Every section that some family's rows determine."""
        found = [
            section
            for family in self.members
            for section in (family.own_section, *(family.section(op, t) for op in family.operations for t in DType))
            if section is not None
        ]
        return tuple({section.name: section for section in found}.values())

    @cached_property
    def _by_kind(self) -> Mapping[str, list[KernelFamily]]:
        found: dict[str, list[KernelFamily]] = {}
        for family in self.members:
            for kind in family.kinds:
                found.setdefault(kind, []).append(family)
        return found

    def of_operator(self, operator: Operator) -> KernelFamily:
        """The family that prices an operator.

        Raises:
            ConfigError: There is none; lists the kinds there are.
        """
        for family in self._by_kind.get(operator.kind, ()):
            if family.takes(operator):
                return family
        kinds = ", ".join(sorted(self._by_kind))
        raise ConfigError(f"{operator.name}: the gpu cost model does not run {operator.kind}. It runs: {kinds}.")

    def of_rows(self, op: str) -> KernelFamily | None:
        """The family that prices rows of ``op``, if there is one."""
        return next((family for family in self.members if op in family.operations), None)


@cache
def _instances(families: tuple[type[KernelFamily], ...]) -> tuple[KernelFamily, ...]:
    return tuple(family() for family in families)


def measured_operations() -> dict[str, Operation]:
    """Operators of measured tables that kernel families price, by the spelling of tables."""
    return {op: operation for family in Families.known().members for op, operation in family.operations.items()}


def trust_of(site: Site, section: Section, warnings: Warnings, outside: Sequence[Warnings]) -> list[Trust]:
    """How far to trust operators that one section prices.

    Args:
        site: Where they run.
        section: What prices them.
        warnings: What holds for all of them.
        outside: What each has outside the range of the measurements.
    """
    inside = Trust(warnings, site.calibration.residual(section))
    beyond = site.calibration.residual(section, is_outside=True)
    return [Trust(warnings + texts, beyond) if texts else inside for texts in outside]


def in_groups(
    operators: Sequence[Any], key: Callable[[Any], Hashable], price: Callable[[list[Any]], list[Cost]]
) -> list[Cost]:
    """Costs of operators that are priced in groups, in the order of the operators.

    Args:
        operators: The operators.
        key: What those of one group have in common.
        price: Costs of the operators of one group.
    """
    groups: dict[Hashable, list[int]] = {}
    for at, operator in enumerate(operators):
        groups.setdefault(key(operator), []).append(at)
    found: list[Any] = [None] * len(operators)
    for members in groups.values():
        for at, cost in zip(members, price([operators[at] for at in members]), strict=True):
            found[at] = cost
    return found
