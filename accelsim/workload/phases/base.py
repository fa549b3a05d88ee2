"""What a phase is: a kind of work on a model, made of traversals, with sizes that a user states."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from accelsim.arguments import checked_call
from accelsim.errors import ConfigError, PlanError
from accelsim.registry import Registry, did_you_mean
from accelsim.units import parse_count
from accelsim.workload.traversal import Traversal

if TYPE_CHECKING:  # importing numpy takes time that --help can save
    from accelsim.workload.recipe import LogitsName


@dataclass(frozen=True, slots=True)
class PhaseField:
    """A size that a phase asks for, as front ends declare it.

    Attributes:
        name: Of the attribute, of the key in a file, of the option.
        help: One sentence.
        parse: Value from text.
        default: What is taken where nothing is said; None if nothing is.
        is_length: Whether the default is a length that depends on the positions of the model.
    """

    name: str
    help: str
    parse: Callable[[str], Any] = parse_count
    default: Any = None
    is_length: bool = False


Member = TypeVar("Member", bound="Phase")


class Phase(ABC):
    """A kind of work on a model; a member is one file in this folder, a frozen dataclass with ``@register_phase``.

    Its fields are declared with :func:`phase_field`, so that a front end can offer them without knowing the phase.
    """

    __slots__ = ()

    kind: ClassVar[str]
    #: How one is made, for errors.
    example: ClassVar[str] = ""

    #: Whether a traversal starts from the tokens that the one before it ended with.
    feeds_back: ClassVar[bool] = False
    #: Whether gradients go back and parameters change.
    trains: ClassVar[bool] = False
    #: Positions of a sequence that get logits.
    logits: ClassVar[LogitsName] = "last"
    #: FLOPs of the model's work as a multiple of those forward: 3 where gradients of inputs and weights follow.
    flops_per_forward: ClassVar[int] = 1

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Tokens by which the phase advances its sequences: what throughput counts."""

    @property
    @abstractmethod
    def sequences(self) -> int:
        """Sequences."""

    @property
    @abstractmethod
    def length(self) -> int:
        """The length that a user states, in tokens of one sequence."""

    @property
    def alike(self) -> int:
        """The most replicas that equal shares of the sequences can be dealt to; so can its divisors."""
        return self.sequences

    @abstractmethod
    def traversals(self) -> Sequence[Traversal]:
        """Its passes through the model, in order."""

    @abstractmethod
    def fullest(self) -> Traversal:
        """The traversal that holds most."""

    def first(self) -> Phase:
        """The phase cut to its first traversal."""
        return self

    @abstractmethod
    def replica(self, dp: int) -> Self:
        """What each of ``dp`` replicas works on.

        Raises:
            PlanError: They cannot get equal shares.
        """

    @abstractmethod
    def smaller(self) -> Iterator[Iterator[Self]]:
        """Less of the phase, for advice: first fewer sequences, then shorter ones, each halved again and again."""

    def halfway(self, larger: Phase) -> Self | None:
        """The phase between itself and a larger one that differs in whole numbers; None where there is none."""
        mine, theirs = self.plain(), larger.plain()
        names = [name for name in mine if mine[name] != theirs[name]]
        if not names or not all(isinstance(mine[name], int) for name in names):
            return None
        apart = {name: (mine[name] + theirs[name]) // 2 for name in names}
        if any(mine[name] == at for name, at in apart.items()):
            return None
        return dataclasses.replace(self, **apart)  # type: ignore[type-var]  # members are dataclasses

    @classmethod
    @abstractmethod
    def sized(cls, sequences: int, length: int, num_traversals: int = 1) -> Phase:
        """The phase of these sizes, where it has no others.

        Args:
            sequences: Sequences.
            length: Tokens of each, as the phase counts them.
            num_traversals: Passes.

        Raises:
            ConfigError: It has.
        """

    def plain(self) -> dict[str, Any]:
        """Kind and sizes as numbers and text, e.g. ``{"kind": "prefill", "batch": 1, "prompt": 512}``."""
        return {"kind": self.kind, **{one.name: getattr(self, one.name) for one in self.fields()}}

    @classmethod
    def fields(cls) -> tuple[PhaseField, ...]:
        """The sizes it asks for."""
        return tuple(
            PhaseField(one.name, **one.metadata)
            for one in dataclasses.fields(cls)  # type: ignore[arg-type]  # members are dataclasses
        )


def phase_field(
    help: str,
    parse: Callable[[str], Any] = parse_count,
    default: Any = None,
    is_length: bool = False,
    optional: bool = False,
) -> Any:
    """A field of a phase with what a front end has to know; see :class:`PhaseField`.

    ``optional``: whether Python may leave it out too.

    Args:
        help: What the size means, a sentence for the command line.
        parse: Reads its text.
        default: What front ends take when nothing is said; None: it has to be said.
        is_length: Whether it counts tokens of a sequence.
        optional: Whether Python may leave it out too.
    """
    metadata = {"help": help, "parse": parse, "default": default, "is_length": is_length}
    if optional:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def share_of(count: int, dp: int, what: str) -> int:
    """One of ``dp`` equal shares.

    Args:
        count: What is shared.
        dp: Shares.
        what: Its name in the error.

    Raises:
        PlanError: There are none.
    """
    if count % dp:
        raise PlanError(f"plan: dp={dp} does not divide {what}.")
    return count // dp


def halved(phase: Any, name: str) -> Iterator[Any]:
    """The phase with the size ``name`` halved, and halved again, down to 1.

    Args:
        phase: The phase.
        name: Of the size.
    """
    size = getattr(phase, name) // 2
    while size:
        yield dataclasses.replace(phase, **{name: size})
        size //= 2


#: Kind -> phase.
PHASES: Registry[type[Phase]] = Registry("phase", "accelsim.workload.phases")


def register_phase(kind: str) -> Callable[[type[Member]], type[Member]]:
    """Decorator that enters a phase under its kind, and makes it refuse sizes it does not have in words.

    Args:
        kind: Its name in files and on the command line.
    """

    def enter(phase: type[Member]) -> type[Member]:
        return PHASES.register(kind)(checked_call(phase.example)(phase))

    return enter


def phase_of(values: Mapping[str, Any]) -> Phase:
    """The phase that :meth:`Phase.plain` describes; sizes may be text (``4k``), as on the command line.

    Raises:
        ConfigError: Unknown kind, a size that the phase lacks or that is missing, or a bad one.
    """
    sizes = dict(values)
    kind = sizes.pop("kind", None)
    if kind is None:
        raise ConfigError(f"a phase needs its kind. Known: {', '.join(PHASES.names())}.")
    phase = PHASES.get(kind)
    known = [one.name for one in phase.fields()]
    for name in sizes:
        if name not in known:
            raise ConfigError(
                f"phase {kind} has no {name!r}. It has: {', '.join(known)}.{did_you_mean(str(name), known)}"
            )
    defaults = {one.name: one.default for one in phase.fields() if one.default is not None}
    missing = [name for name in known if name not in {**defaults, **sizes}]
    if missing:
        raise ConfigError(f"phase {kind}: {' and '.join(missing)} must be given.")
    read = {one.name: one.parse for one in phase.fields()}
    stated = {name: read[name](value) if isinstance(value, str) else value for name, value in sizes.items()}
    return phase(**{**defaults, **stated})
