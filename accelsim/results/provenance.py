"""Where a result comes from: the case that was run, the files that were read, the version that ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accelsim.case.case import OPTIONS, Case
from accelsim.version import VERSION

_CHECKS_SKIPPED = "the model is overridden: its published figures (checks) are not held against it"


@dataclass(frozen=True)
class Provenance:
    """What a run can be repeated from.

    Attributes:
        case: Everything that was asked for.
        inputs: SHA-256 of every file read, by name.
    """

    case: Case
    inputs: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Plain data: the version, the hashes of the files, and the case, option by option."""
        changes_model = any(path.startswith("model.") for path, _ in self.case.overrides)
        return {
            "accelsim_version": VERSION,
            "inputs": dict(self.inputs),
            **self.case.to_dict(),
            **({"notes": [_CHECKS_SKIPPED]} if changes_model else {}),
        }


def case_of_manifest(manifest: Mapping[str, Any]) -> Case:
    """The case that a manifest was made from.

    Raises:
        ConfigError: An option is missing or has no meaning here, or the machine was made in Python.
    """
    return Case.from_dict({one.name: manifest[one.name] for one in OPTIONS if one.name in manifest})
