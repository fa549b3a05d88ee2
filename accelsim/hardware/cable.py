"""Lists of links, the form in which a graph of chips and switches stands in files: one cable per line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from accelsim.config.bounds import read_quantity
from accelsim.errors import ConfigError, UnitError
from accelsim.units import repr_quantity

_ONE_WAY = "->"
_EXAMPLE = "Write e.g. '0 1 25GB/s 2us'."


@dataclass(frozen=True, slots=True)
class Cable:
    """A link between two nodes of a graph.

    Attributes:
        src: Node; chips are called by their number, switches otherwise.
        dst: The other node.
        bandwidth_bytes_per_s: Per direction; None takes the level's.
        latency_s: From node to node; None takes the level's.
        is_one_way: Whether nothing goes from ``dst`` to ``src``.
    """

    src: str
    dst: str
    bandwidth_bytes_per_s: float | None = None
    latency_s: float | None = None
    is_one_way: bool = False

    def __str__(self) -> str:
        words = [self.src, *([_ONE_WAY] if self.is_one_way else []), self.dst]
        if self.bandwidth_bytes_per_s is not None:
            words.append(_one_word(repr_quantity(self.bandwidth_bytes_per_s, "bytes_per_s")))
        if self.latency_s is not None:
            words.append(_one_word(repr_quantity(self.latency_s, "time")))
        return " ".join(words)

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """Ends of each of its links."""
        there, back = (self.src, self.dst), (self.dst, self.src)
        return (there,) if self.is_one_way else (there, back)


def parse_cables(lines: Sequence[str], name: str) -> tuple[Cable, ...]:
    """The cables of a list of lines: ``node node [bandwidth [latency]]``, ``#`` starts a comment.

    Quantities are written without a blank (``25GB/s 2us``); ``->`` between the nodes makes a link of one direction.

    Args:
        lines: Lines; blank ones are passed over.
        name: What they are the lines of; an error says ``name:number``.

    Raises:
        ConfigError: A line has another form, joins a node to itself, or gives a link once more.
    """
    return _parsed(tuple(lines), name)


@lru_cache(64)
def _parsed(lines: tuple[str, ...], name: str) -> tuple[Cable, ...]:
    found: list[Cable] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].replace(_ONE_WAY, f" {_ONE_WAY} ").split()
        if not words:
            continue
        try:
            cable = _parse(words)
        except (ConfigError, UnitError) as err:
            raise ConfigError(f"{name}:{number}: {line.strip()!r}: {err}") from err
        for ends in cable.directions:
            if ends in seen:
                raise ConfigError(
                    f"{name}:{number}: the link {_ONE_WAY.join(ends)} stands in line {seen[ends]} already. "
                    "Add the bandwidths of parallel cables, or write each direction on its own with '->'."
                )
            seen[ends] = number
        found.append(cable)
    return tuple(found)


def _parse(words: Sequence[str]) -> Cable:
    is_one_way = len(words) > 1 and words[1] == _ONE_WAY
    words = [words[0], *words[2:]] if is_one_way else words
    if not 2 <= len(words) <= 4 or _ONE_WAY in words:
        raise ConfigError(f"is no link. {_EXAMPLE}")
    if words[0] == words[1]:
        raise ConfigError("joins a node to itself. Leave it out.")
    bandwidth, latency = _quantities(words[2:])
    return Cable(words[0], words[1], bandwidth, latency, is_one_way)


def _quantities(words: Iterable[str]) -> tuple[float | None, float | None]:
    bandwidth, latency, *_ = (*words, None, None)
    rate = None if bandwidth is None else read_quantity(bandwidth, "bytes_per_s")
    seconds = None if latency is None else read_quantity(latency, "time")
    if rate is not None and rate <= 0:
        raise ConfigError(f"the bandwidth must be above 0. {_EXAMPLE}")
    return rate, seconds


def _one_word(quantity: str) -> str:
    return quantity.replace(" ", "")
