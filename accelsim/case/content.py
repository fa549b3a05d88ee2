"""What a value holds, as plain data and as a hash of it: equal content has equal hashes, in every process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from accelsim.hardware.system import System
from accelsim.reading import read_bytes
from accelsim.workload.graph import Workload

#: Fields of a system that say where its values come from, not what they are.
_ORIGIN = ("provenance", "files", "overrides", "stated")


def plain(value: Any) -> Any:
    """``value`` as text, numbers, bools, None, lists and mappings with sorted text keys.

    Frozen descriptions and dataclasses become mappings of their fields that count for equality; files are what they
    hold where a value keeps their content, else their path.

    Raises:
        TypeError: Something in it has no plain form.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return plain({name: getattr(value, name) for name in type(value).model_fields})
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value) if one.compare}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(value[key]) for key in sorted(value, key=lambda key: str(plain(key)))}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no plain form")


def digest(value: Any) -> str:
    """SHA-256 of the plain form, as 64 hexadecimal digits."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def system_content(system: System) -> dict[str, Any]:
    """Plain form of what a system is, without where its values come from; files of topologies by their hash."""
    content: dict[str, Any] = plain({name: value for name, value in vars(system).items() if name not in _ORIGIN})
    for name, path in topology_files(system).items():
        content["levels"][name]["spec"]["options"]["file"] = file_sha256(path)
    return content


def workload_content(workload: Workload) -> dict[str, Any]:
    """Plain form of what a workload computes, with the kinds of its operators."""
    segments = [
        {
            "operators": [{"kind": operator.kind, **plain(operator)} for operator in segment.graph],
            "repeat": segment.repeat,
            "ports": plain(segment.ports),
        }
        for segment in workload.segments
    ]
    return {**plain(replace(workload, segments=())), "segments": segments}


def topology_files(system: System) -> dict[str, Path]:
    """Files that list the links of a level, by level."""
    files = {name: Path(str(level.spec.options.get("file", ""))) for name, level in system.levels.items()}
    return {name: path for name, path in files.items() if path.is_file()}


def file_sha256(path: Path) -> str:
    """SHA-256 of what is in a file."""
    return hashlib.sha256(read_bytes(path)).hexdigest()
