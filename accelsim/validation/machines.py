"""The chips and systems that the hardware column of a table means, each loaded once."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.errors import AccelsimError, ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System, load_chip, load_system
from accelsim.validation.rigs import our_name

T = TypeVar("T")
K = TypeVar("K")

_SURE = 0.9  # other chips of a family are no misspellings: l40 is not l4


class UnknownHardwareError(ConfigError):
    """No chip or system has the name that a table uses."""


class Machines:
    """Looks hardware up by the names of tables; keeps what it has loaded for as long as it lives.

    Args:
        catalog: Where names are looked up.
        chip: Stands for every name, if given.
    """

    def __init__(self, catalog: Catalog | None = None, chip: Chip | None = None) -> None:
        self._catalog = catalog or Catalog()
        self._only = chip
        self._chips: dict[str, Chip | AccelsimError] = {}
        self._systems: dict[tuple[str, int, int], System | AccelsimError] = {}

    def chip(self, hardware: str) -> Chip:
        """The chip called ``hardware``, or the chip of the system of that name.

        Raises:
            UnknownHardwareError: There is none; suggests a name that differs by a letter or two.
        """
        if self._only is not None:
            return self._only
        name = our_name(hardware)
        return _once(self._chips, name, lambda: self._load_chip(name))

    def system(self, hardware: str, ranks: int, per_node: int = 0) -> System:
        """The system that holds at least ``ranks`` chips called ``hardware``: at its usual size if that is enough.

        ``hardware`` may be a system; of several systems with that chip the first by name is taken.

        Args:
            hardware: Name of a chip or a system.
            ranks: Chips needed.
            per_node: Chips used in each group of the innermost level (a node); 0 fills them.

        Raises:
            ConfigError: There is none, or it cannot be that large.
        """
        name = self._only.name if self._only is not None else our_name(hardware)
        return _once(self._systems, (name, ranks, per_node), lambda: self._load_system(name, ranks, per_node))

    def _load_chip(self, name: str) -> Chip:
        known = sorted({*self._catalog.names("chips"), *self._catalog.names("systems")})
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=_SURE)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UnknownHardwareError(f"no chip or system of that name is described.{hint}")
        return load_chip(name, catalog=self._catalog)

    def _load_system(self, name: str, ranks: int, per_node: int) -> System:
        if name not in self._catalog.names("systems"):
            owners = [system for system, chip in self._chip_names.items() if chip == name]
            if not owners:
                raise ConfigError(f"no system with the chip {name!r} is described, so that nothing joins its ranks.")
            name = owners[0]
        usual = load_system(name, catalog=self._catalog)
        node_chips = _node_chips(usual)
        if 0 < per_node < min(ranks, node_chips):
            larger = load_system(f"{name}:{-(-ranks // per_node) * node_chips}", catalog=self._catalog)
            return _thinned(larger, per_node, node_chips)
        return usual if ranks <= usual.num_chips else load_system(f"{name}:{ranks}", catalog=self._catalog)

    @cached_property
    def _chip_names(self) -> dict[str, str]:
        """Name of the chip of each known system."""
        found = {}
        for name in self._catalog.names("systems"):
            node = load_document(self._catalog.find("systems", name)).unwrapped().children.get("chip")
            found[name] = node.text if node is not None else ""
        return found


def _node_chips(system: System) -> int:
    """Chips of a node: the innermost levels that hold those of one host."""
    per_host = (system.host and system.host.chips_per_host) or 1
    chips = 1
    for level in system.levels.values():
        chips *= level.size
        if chips >= per_host:
            break
    return chips


def _thinned(system: System, per_node: int, node_chips: int) -> System:
    """The system with ``per_node`` chips in each of its nodes, inner levels filled first; these stay with one chip."""
    levels, left, inside = {}, per_node, 1
    for name, level in system.levels.items():
        if inside < node_chips:
            if len(level.shape) > 1:
                raise ConfigError(f"{system.name}: ranks_per_node has no meaning on {level}.")
            kept = min(left, level.size)
            inside, left = inside * level.size, -(-left // kept)
            levels[name] = replace(level, shape=(kept,))
        elif level.size > 1:
            levels[name] = level
    return replace(system, levels=levels, num_chips=system.num_chips // node_chips * per_node)


def _once(known: dict[K, T | AccelsimError], key: K, load: Callable[[], T]) -> T:
    """The value of ``key``, or the error that loading it raised the first time."""
    if key not in known:
        try:
            known[key] = load()
        except AccelsimError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, AccelsimError):
        raise found
    return found
