"""What an execution is: a way in which chips run their share of a model, with the keys of a plan that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeVar

from accelsim.mapping.plan_keys import KEY_READERS, PlanKey
from accelsim.registry import Registry


class Execution(Protocol):
    """A way in which chips run their share of a model.

    Attributes:
        keys: Keys of a plan that the execution reads; every other key is refused with it.
    """

    keys: ClassVar[tuple[PlanKey, ...]]


EXECUTIONS: Registry[type[Execution]] = Registry("execution", "accelsim.mapping.execution")

E = TypeVar("E", bound=type[Execution])


def register_execution(name: str) -> Callable[[E], E]:
    """Decorator that enters an execution under ``name``, and its keys among those that plans know."""

    def enter(member: E) -> E:
        KEY_READERS.add(name, member)
        EXECUTIONS.add(name, member)
        return member

    return enter
