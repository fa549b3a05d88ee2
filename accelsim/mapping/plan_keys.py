"""Keys of a plan: each is declared once, beside the thing that it decides, and read, checked and written from there.

The degrees of parallelism are declared in :mod:`accelsim.mapping.parallel`, the keys of an execution in its own file of
:mod:`accelsim.mapping.execution`.  An execution lists all keys that it reads; every other key has no meaning with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from accelsim.arguments import shown
from accelsim.config.bounds import MAX_COUNT, read_whole
from accelsim.dtypes import DType
from accelsim.errors import ConfigError, PlanError
from accelsim.registry import Registry


class ValueKind(Protocol):
    """How the values of a key are read from text, checked and written; errors are tails of ``plan: ...``."""

    def read(self, name: str, text: str) -> Any:
        """The value that ``text`` stands for.

        Args:
            name: The key, for the error.
            text: What stands behind ``=``.

        Raises:
            PlanError: The text is no such value.
        """
        ...

    def check(self, name: str, value: Any) -> None:
        """Refuse a value out of range.

        Args:
            name: The key, for the error.
            value: What was read, or given in Python.

        Raises:
            PlanError: It is.
        """
        ...

    def show(self, value: Any) -> int | str:
        """The value as plain data; its text is what :meth:`read` takes."""
        ...


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number, 1 or more."""

    def read(self, name: str, text: str) -> int:
        """``8`` of ``"8"``."""
        value = read_whole(text)
        if value is None:
            raise PlanError(f"plan: {name} must be an integer, got {text[:40]!r}. Write e.g. '{name}=8'.")
        return value

    def check(self, name: str, value: Any) -> None:
        """At least 1."""
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise PlanError(f"plan: {name} must be an integer >= 1, got {shown(value)}.")
        if value > MAX_COUNT:
            raise PlanError(f"plan: {name} must be at most {MAX_COUNT}, got more.")

    def show(self, value: int) -> int:
        """The number."""
        return value


@dataclass(frozen=True, slots=True)
class Word:
    """A word: one of ``allowed``, or any where that is empty (the key's user looks it up)."""

    allowed: tuple[str, ...] = ()

    def read(self, name: str, text: str) -> str:
        """The text itself."""
        return text

    def check(self, name: str, value: Any) -> None:
        """One of the words allowed."""
        if not isinstance(value, str):
            raise PlanError(f"plan: {name} must be a text, got {shown(value)}.")
        if self.allowed and value not in self.allowed:
            raise PlanError(f"plan: unknown {name} {value!r}. Allowed: {', '.join(self.allowed)}.")

    def show(self, value: str) -> str:
        """The word."""
        return value


@dataclass(frozen=True, slots=True)
class RowsByCols:
    """Rows and columns of cores."""

    def read(self, name: str, text: str) -> tuple[int, int]:
        """``(480, 360)`` of ``"480x360"``."""
        match = re.fullmatch(r"(\d+)x(\d+)", text)
        rows, cols = (None, None) if match is None else map(read_whole, match.groups())
        if rows is None or cols is None:
            raise PlanError(f"plan: {name} {text[:40]!r} is not ROWSxCOLS. Write e.g. '{name}=480x480'.")
        return rows, cols

    def check(self, name: str, value: Any) -> None:
        """Two, both at least 1."""
        if not isinstance(value, tuple) or len(value) != 2 or not all(type(extent) is int for extent in value):
            raise PlanError(f"plan: {name} must be (ROWS, COLS), got {shown(value)}. Write e.g. {name}=(480, 480).")
        if min(value) < 1:
            raise PlanError(f"plan: {name} must be ROWSxCOLS with both >= 1, got {value!r}.")
        if max(value) > MAX_COUNT:
            raise PlanError(f"plan: {name} must be ROWSxCOLS with both at most {MAX_COUNT}.")

    def show(self, value: tuple[int, int]) -> str:
        """``"480x360"``."""
        return format_region(value)


@dataclass(frozen=True, slots=True)
class ElementType:
    """An element type."""

    def read(self, name: str, text: str) -> DType:
        """The type called ``text``."""
        try:
            return DType(text)
        except ValueError:
            known = ", ".join(dtype.value for dtype in DType)
            raise PlanError(f"plan: {name}: unknown type {text!r}. Known: {known}.") from None

    def check(self, name: str, value: Any) -> None:
        """Every type is allowed, nothing else."""
        if not isinstance(value, DType):
            raise PlanError(f"plan: {name} must be a DType, got {shown(value)}. Write e.g. {name}=DType.FP8.")

    def show(self, value: DType) -> str:
        """Its name."""
        return value.value


def format_region(region: tuple[int, int]) -> str:
    """``"480x480"`` of ``(480, 480)``."""
    return f"{region[0]}x{region[1]}"


@dataclass(frozen=True, slots=True)
class PlanKey:
    """One key of a plan.

    Attributes:
        name: As it is written, e.g. ``"tp"``.
        kind: How its values are read, checked and written.
        help: One sentence for ``accelsim explain plan.KEY``.
        default: Value where the plan does not name it; None is "not given", and allowed of no other key.
        counts_ranks: Whether it multiplies the ranks, one chip each, that the plan needs.
        rule: What is wrong with the value beside those of the other keys, or None; asked where it is not the default.
    """

    name: str
    kind: ValueKind
    help: str
    default: Any = None
    counts_ranks: bool = False
    rule: Callable[[Any, Mapping[str, Any]], str | None] | None = None

    def check(self, values: Mapping[str, Any]) -> None:
        """Refuse the value that ``values`` has for this key.

        Raises:
            PlanError: It is out of range, or does not go with the others.
        """
        value = values[self.name]
        if value is not None or self.default is not None:
            self.kind.check(self.name, value)
        problem = self.rule(value, values) if self.rule is not None and value != self.default else None
        if problem is not None:
            raise PlanError(f"plan: {problem}")

    def show(self, value: Any) -> int | str | None:
        """The value as plain data."""
        return None if value is None else self.kind.show(value)


class ReadsKeys(Protocol):
    """What a plan needs to know of an execution.

    Attributes:
        keys: Keys of a plan that the execution reads.
    """

    keys: ClassVar[tuple[PlanKey, ...]]


#: Executions by name, as far as plans know them; :data:`accelsim.mapping.execution.base.EXECUTIONS` has them whole.
KEY_READERS: Registry[type[ReadsKeys]] = Registry("execution", "accelsim.mapping.execution")
#: The execution of a plan that names none.
DEFAULT_EXECUTION = "whole_chip"


def keys_of(execution: str) -> tuple[PlanKey, ...]:
    """Keys that an execution reads.

    Raises:
        PlanError: There is no such execution.
    """
    try:
        return KEY_READERS.get(execution).keys
    except ConfigError as error:
        if execution in KEY_READERS:
            raise
        raise PlanError(f"plan: {error}") from None


def known_keys() -> Mapping[str, PlanKey]:
    """Keys of all executions by name, those of the default execution first.

    Raises:
        ConfigError: Two executions declare different keys of one name.
    """
    return _merged(tuple(KEY_READERS.items()))


@lru_cache(maxsize=8)
def _merged(readers: tuple[tuple[str, type[ReadsKeys]], ...]) -> Mapping[str, PlanKey]:
    known: dict[str, PlanKey] = {}
    for execution, reader in sorted(readers, key=lambda item: (item[0] != DEFAULT_EXECUTION, item[0])):
        for key in reader.keys:
            if known.setdefault(key.name, key) != key:
                raise ConfigError(f"two keys of plans are named {key.name!r}, one of execution={execution}. Rename it.")
    return MappingProxyType(known)


def readers_of(key: PlanKey) -> list[str]:
    """Names of the executions that read a key."""
    return [name for name, reader in KEY_READERS.items() if key in reader.keys]


def refuse_foreign(execution: str, keys: Iterable[PlanKey]) -> None:
    """Refuse keys that an execution does not read.

    Args:
        execution: Name of the execution that the plan asks for.
        keys: Keys of the plan that are not at their defaults.

    Raises:
        PlanError: There are such keys.
    """
    for key in keys:
        if key not in keys_of(execution):
            others = " or ".join(f"execution={name}" for name in readers_of(key))
            raise PlanError(
                f"plan: {key.name} has no meaning with execution={execution}. Leave {key.name} out, or use {others}."
            )
