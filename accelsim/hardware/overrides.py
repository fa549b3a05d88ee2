"""Overrides of hardware: key paths with new values, as users give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from accelsim.arguments import shown
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

SECTIONS = ("chip", "system")
#: Values by key path, or such pairs.
Overrides = Mapping[str, str] | Iterable[tuple[str, str]]


def override_pairs(overrides: Overrides) -> tuple[tuple[str, str], ...]:
    """Key paths and values of a mapping, or of pairs.

    Raises:
        ConfigError: One is no pair of texts.
    """
    pairs = tuple(overrides.items() if isinstance(overrides, Mapping) else overrides)
    for pair in pairs:
        is_pair = isinstance(pair, tuple | list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        if not is_pair:
            example = '{"chip.clock": "1.5 GHz"}; a number of chips goes behind a colon, "nvidia-dgx-h100:16"'
            raise ConfigError(f"overrides: {shown(pair)} is no pair of texts, key and value. Write e.g. {example}.")
    return pairs


def by_section(overrides: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """The pairs of each section, with their paths within it.

    Raises:
        ConfigError: A path starts with no section of hardware.
    """
    parts: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
    for path, value in overrides:
        section, _, rest = path.strip().partition(".")
        if section not in parts or not rest:
            raise ConfigError(
                f"--set {path}={value}: hardware paths start with 'chip.' or 'system.', e.g. chip.sram_per_core."
                f"{did_you_mean(section, list(SECTIONS))}"
            )
        parts[section].append((rest, value))
    return parts
