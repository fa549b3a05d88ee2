"""Optics by name, and links of a system's file that name one: ``link: {optical: pluggable-800g, length: 30 m}``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from accelsim.catalog import Catalog
from accelsim.config.bounds import read_quantity
from accelsim.config.loader import Document, load_document, resolve_extends, validate
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.copper import CopperLink
from accelsim.hardware.optical.die_link import DieLink
from accelsim.hardware.optical.link import OpticalLink, Reach
from accelsim.hardware.optical.switch import OpticalSwitch
from accelsim.units import repr_quantity

Optics: TypeAlias = OpticalLink | OpticalSwitch | CopperLink | DieLink

_KINDS: dict[str, type[Spec]] = {
    "optical_link": OpticalLink,
    "optical_switch": OpticalSwitch,
    "copper_link": CopperLink,
    "die_link": DieLink,
}
#: Keys of a link that its optics decide, with their dimensions.
_DECIDED = {
    "bandwidth": ("bandwidth_bytes_per_s", "bytes_per_s"),
    "latency": ("latency_s", "time"),
    "energy": ("energy_j_per_byte", "joule_per_byte"),
    "static": ("static_w", "watt"),
    "reconfiguration": ("reconfiguration_s", "time"),
}


def load_optics(name: str, overrides: Iterable[tuple[str, str]] = (), catalog: Catalog | None = None) -> Optics:
    """The optical link, circuit switch, copper link or link between dies that ``name`` (or a path) names.

    Args:
        name: Name in the catalog's ``optics`` or path of a file.
        overrides: ``(key path, value)`` pairs put over the file, e.g. ``("laser.power", "20 mW")``.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Unknown name, malformed file, or a published figure that the structure does not reproduce.
    """
    catalog = catalog or Catalog()
    document = load_document(catalog.find("optics", name))
    document = resolve_extends(document, lambda parent, child: _parent(parent, child, catalog))
    overrides = tuple(overrides)
    node = document.unwrapped().children.get("kind")
    if node is None or str(node.value) not in _KINDS:
        where, got = (f"{document.path.name}:1", "nothing") if node is None else (node.where, repr(node.text))
        raise ConfigError(f"{where}: kind: {got} is no optics. Allowed: {', '.join(_KINDS)}.")
    spec = validate(document, _KINDS[str(node.value)]).spec
    if overrides:  # published figures were compared above: an override is a what-if
        if not any(path.startswith("checks") for path, _ in overrides):
            kept = {key: child for key, child in document.root.children.items() if key != "checks"}
            document = document.derived(replace(document.root, value=kept), "without checks")
        for path, text in overrides:
            document = document.apply_override(path, text)
        spec = validate(document, _KINDS[str(node.value)]).spec
    if not isinstance(spec, OpticalLink | OpticalSwitch | CopperLink | DieLink):  # for the type checker
        raise TypeError(f"{spec!r} is no optics")
    return spec


def link_from_optics(
    name: str, length_m: float, through: str | None = None, catalog: Catalog | None = None
) -> LinkSpec:
    """A level's link made of the optics ``name``, ``length_m`` long, through the circuit switch ``through``.

    Args:
        name: Optical or electrical link, a name of the catalog's ``optics`` or a path.
        length_m: Length of fibre or cable, in metres.
        through: Circuit switch on the way, which adds its loss and latency; None is a direct link.
        catalog: Where names are looked up.

    Returns:
        Bandwidth, latency, energy per byte and static power of one direction.

    Raises:
        ConfigError: Unknown names, a switch where a link is due or the reverse, or a budget that does not close.
    """
    optics = load_optics(name, catalog=catalog)
    switch = load_optics(through, catalog=catalog) if through else None
    if isinstance(optics, OpticalSwitch):
        raise ConfigError(f"optical: {name} is a circuit switch. Name a link there and write 'through: {name}'.")
    if switch is not None and not isinstance(switch, OpticalSwitch):
        raise ConfigError(f"through: {through} is no circuit switch.")
    if isinstance(optics, CopperLink | DieLink):
        if switch is not None:
            raise ConfigError(f"through: {through} switches light, and {name} is copper. Use an optical link.")
        return optics.to_link(length_m)
    if switch is None:
        return optics.to_link(Reach(length_m))
    link = optics.to_link(Reach(length_m, switch.insertion_loss_db, switch.latency_s))
    return link.model_copy(update={"reconfiguration_s": switch.reconfiguration_s})


def with_optics(document: Document, typed: Iterable[str], catalog: Catalog) -> Document:
    """A system's document in which every link that names optics has its bandwidth, latency, energy and static power.

    Args:
        document: A system, with the user's overrides applied.
        typed: Key paths that the user overrode; these win over what the optics say.
        catalog: Where names are looked up.

    Raises:
        ConfigError: A link names optics and states its own numbers too, or the optics are wrong; with file and line.
    """
    typed = set(typed)
    levels = document.unwrapped().children.get("levels")
    for level, body in (levels.children if levels is not None else {}).items():
        link = body.children.get("link")
        if link is None or "optical" not in link.children:
            continue
        at = f"levels.{level}.link"
        plain = {key: node.value for key, node in link.children.items()}
        where = link.children["optical"].where
        stated = [key for key in _DECIDED if key in plain and f"{at}.{key}" not in typed]
        if stated and f"{at}.optical" not in typed:
            raise ConfigError(
                f"{where}: {at}: {', '.join(stated)} beside 'optical'; the optics decide them. Remove one or the other."
            )
        try:
            length_m = read_quantity(str(plain.get("length", "0 m")), "length")
            through = str(plain["through"]) if plain.get("through") else None
            found = link_from_optics(str(plain["optical"]), length_m, through, catalog)
        except ConfigError as err:
            raise ConfigError(f"{where}: {at}: {err}") from err
        for key, (field, dimension) in _DECIDED.items():
            is_said = key != "reconfiguration" or found.reconfiguration_s > 0  # nothing to set without a switch
            if f"{at}.{key}" not in typed and is_said:
                value = repr_quantity(getattr(found, field), dimension)
                origin = f"optics {plain['optical']}"
                text = f'{{value: {value}, kind: derived, source: "{origin}"}}'
                document = document.apply_override(f"{at}.{key}", text, origin)
    return document


def _parent(name: str, child: Document, catalog: Catalog) -> Path:
    beside = child.path.parent / name
    return beside if beside.is_file() else catalog.find("optics", name)
