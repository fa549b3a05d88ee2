"""What a chip's file must state for its cost model beyond what every chip states: keys, and calibrated numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from accelsim.config.explain import attribute_text
from accelsim.config.walk import fields_by_key
from accelsim.cost.base import COST_MODELS
from accelsim.hardware.calibration import calibration_key
from accelsim.hardware.chip import Chip


def calibration_sections() -> dict[str, type[Any]]:
    """Every section of a chip's calibration that some cost model reads, with the dataclass of its numbers."""
    found: dict[str, type[Any]] = {}
    for _, model in COST_MODELS.items():
        found |= getattr(model, "sections", dict)()  # a plugin may leave it out
    return dict(sorted(found.items()))


def section_keys(parameters: type[Any]) -> dict[str, tuple[str, bool]]:
    """Keys of a section in a file: what each means, and whether it must be stated.

    Args:
        parameters: Dataclass of the section's numbers.
    """
    return {
        calibration_key(one.name)[0]: (
            attribute_text(parameters, one.name),
            one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING,
        )
        for one in dataclasses.fields(parameters)
        if one.init
    }


def missing_for(cost_model: str, stated: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key paths that a cost model needs and a chip does not state, with what they mean.

    Args:
        cost_model: Name of the cost model; nothing is known of one that there is not.
        stated: What the chip states, by key; ``calibration`` as sections of keys.
    """
    if cost_model not in COST_MODELS:
        return
    model = COST_MODELS.get(cost_model)
    for key in getattr(model, "needs", ()):
        if not stated.get(key):
            yield key, f"missing. The {cost_model} cost model needs it: {fields_by_key(Chip)[key].description}"
    calibration = stated.get("calibration") or {}
    needed = getattr(model, "needed_sections", ())
    for section, parameters in getattr(model, "sections", dict)().items() if needed else ():
        own = calibration.get(section) or {}
        if section not in needed:
            continue
        for key, (meaning, is_required) in section_keys(parameters).items():
            if is_required and key not in own:
                yield f"calibration.{section}.{key}", f"missing. {meaning}"
