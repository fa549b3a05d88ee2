"""Readers of what a user may give for an option: the value itself, or text that means it.

What a value is made of is imported when one is read: the declarations of options, which the command line shows in its
help, cost nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import isclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from accelsim.arguments import shown, whole
from accelsim.config.bounds import MAX_SEED
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.dtypes import DType, Format
    from accelsim.hardware.profile import LaunchProfile
    from accelsim.hardware.system import System
    from accelsim.mapping.placement.constraints import PlacementConstraints
    from accelsim.mapping.plan import Plan
    from accelsim.workload.graph import Workload
    from accelsim.workload.model import Model
    from accelsim.workload.phase import Phase
    from accelsim.workload.routing import Routing

AUTO = "auto"


def read_model(value: Any) -> Model | Workload | str:
    """A model, its name or path, or its plain form; or a workload, or a graph as one, of the tokens its axes name."""
    from pydantic import ValidationError

    from accelsim.workload.graph import OperatorGraph, Workload
    from accelsim.workload.model import Model

    if isinstance(value, OperatorGraph):
        return Workload.of(value)
    if isinstance(value, Workload):
        return value
    if isinstance(value, Mapping):
        if "workload" in value:
            raise ConfigError(
                f"model: {value['workload']} is a workload that was made in Python and has no file form. "
                "Make it again and give it to simulate."
            )
        try:
            return Model.model_validate(value)
        except ValidationError as error:
            raise ConfigError(f"model: {error.errors(include_url=False)[0]['msg']}.") from error
    return cast("Model | str", _named(value, Model, "model"))


def model_plain(value: Model | Workload | str) -> Any:
    """A name, or all fields of a model made in Python; of a workload, which has no file form, name and hash."""
    from accelsim.workload.graph import Workload

    if isinstance(value, str):
        return value
    if isinstance(value, Workload):
        from accelsim.case.content import digest, workload_content

        return {"workload": value.name, "sha256": digest(workload_content(value))}
    return value.model_dump(mode="json", exclude_defaults=True)


def read_system(value: Any) -> System | str:
    """A system, or its name or path."""
    from accelsim.hardware.system import System

    if isinstance(value, Mapping):
        raise ConfigError(
            f"system: {value.get('name', 'it')} was made in Python and has no file form. "
            "Write it with accelsim.save_system and name that file."
        )
    return cast("System | str", _named(value, System, "system"))


def system_plain(value: System | str) -> Any:
    """A name, or name and hash of a system made in Python, which has no file form."""
    if isinstance(value, str):
        return value
    from accelsim.case.content import digest, system_content

    return {"name": f"{value.name}:{value.num_chips}", "sha256": digest(system_content(value))}


def read_plan(value: Any) -> Plan | str:
    """A plan, its text, or ``auto``."""
    from accelsim.mapping.plan import Plan

    if value == AUTO or isinstance(value, Plan):
        return cast("Plan | str", value)
    if not isinstance(value, str):
        raise ConfigError(f"plan: expected a text such as 'tp=8', 'auto' or a Plan, got {shown(value)}.")
    return Plan.parse(value)


def read_phase(value: Any) -> Phase:
    """A phase, or its kind and sizes."""
    from accelsim.case.phases import phase_from
    from accelsim.workload.subject import OnePass

    if isinstance(value, Mapping):
        sizes = dict(value)
        if sizes.get("kind") == OnePass.kind:
            return OnePass(sizes.get("tokens", 1))
        return phase_from(sizes.pop("kind", None), sizes)
    if isclass(value) or not hasattr(value, "traversals"):
        raise ConfigError(f"phase: expected a phase such as Decode(batch=1, context=2048), got {shown(value)}.")
    return cast("Phase", value)


def place_of(name: str) -> str:
    """Where a size of a phase or a key of a plan belongs; blank for any other name."""
    from accelsim.mapping.plan_keys import known_keys
    from accelsim.workload.phase import PHASES

    for _, phase in PHASES.items():
        if name in [one.name for one in phase.fields()]:
            return f"It is a size of the phase: phase={phase.example}."
    return f"It is a key of the plan: plan='{name}=...'." if name in known_keys() else ""


def own_phase(value: Any) -> dict[str, Phase]:
    """The phase, as an option, of what is one pass; nothing for a model."""
    from accelsim.workload.graph import Workload
    from accelsim.workload.subject import OnePass

    model = read_model(value)
    return {"phase": OnePass(model.tokens)} if isinstance(model, Workload) else {}


def phase_plain(value: Phase) -> dict[str, Any]:
    """Kind and sizes."""
    return value.plain()


def read_format(value: Any) -> Format | None:
    """A format of weights, its name, or a type, which stands for its commonest format."""
    from accelsim.dtypes import DType, Format

    if value is None or isinstance(value, Format):
        return value
    return Format.parse(value.value if isinstance(value, DType) else str(value))


def read_dtype(value: Any) -> DType | None:
    """An element type that a cache or partial sums are kept in, or its name."""
    from accelsim.dtypes import DType

    if value is None:
        return None
    name = value.value if isinstance(value, DType) else str(value)
    # int32 is what products of int8 are summed in, tf32 what a matrix unit rounds fp32 to: nothing is stored in them.
    known = [dtype.value for dtype in DType if dtype not in (DType.INT32, DType.TF32)]
    if name not in known:
        raise ConfigError(f"a KV cache or partial sums cannot be kept in {name!r}. Use one of: {', '.join(known)}.")
    return DType(name)


def type_plain(value: DType | Format | None) -> str | None:
    """Name of a type or a format."""
    return None if value is None else getattr(value, "value", str(value))


def read_attention(value: Any) -> str:
    """``flash`` or ``standard``."""
    from accelsim.workload.recipe import AttentionName

    return _one_of(value, get_args(AttentionName), "attention")


def read_kv_window(value: Any) -> str:
    """``window`` or ``full``."""
    from accelsim.workload.recipe import KvWindowName

    return _one_of(value, get_args(KvWindowName), "kv_window")


def read_engine(value: Any) -> str:
    """The name of an engine."""
    from accelsim.engine.run import ENGINES

    return _one_of(value, ENGINES, "engine")


def read_library(value: Any) -> str:
    """The name of a communication library; empty for the default."""
    if not isinstance(value, str):
        raise ConfigError(f"expected the name of a communication library, got {shown(value)}.")
    return value


def read_routing(value: Any) -> Routing:
    """A routing or its text."""
    from accelsim.workload.routing import Routing

    return value if isinstance(value, Routing) else Routing.parse(str(value))


def read_profile(value: Any) -> LaunchProfile | str:
    """A launch profile, its name or path, or its plain form."""
    from pydantic import ValidationError

    from accelsim.hardware.profile import LaunchProfile

    if isinstance(value, Mapping):
        try:
            return LaunchProfile.model_validate(value)
        except ValidationError as error:
            raise ConfigError(f"profile: {error.errors(include_url=False)[0]['msg']}.") from error
    return cast("LaunchProfile | str", _named(value, LaunchProfile, "profile"))


def profile_plain(value: LaunchProfile | str) -> Any:
    """A name or a path, or all fields of a profile made in Python."""
    return value if isinstance(value, str) else value.model_dump(mode="json", exclude_defaults=True)


def read_constraints(value: Any) -> PlacementConstraints | str | None:
    """Constraints on placements, their file, or the text that would be in it."""
    from accelsim.mapping.placement.constraints import PlacementConstraints, parse_constraints

    if value is None:
        return None
    if isinstance(value, str) and "\n" in value:
        return parse_constraints(value)
    return cast("PlacementConstraints | str", _named(value, PlacementConstraints, "constraints"))


def constraints_plain(value: PlacementConstraints | str | None) -> str | None:
    """The path of their file, or what would be in it."""
    return value if value is None or isinstance(value, str) else value.to_yaml()


def read_overrides(value: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of a key path and a text: from a mapping, from pairs, or from ``KEY=VALUE`` texts."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(
            f"overrides: expected keys and values, got {shown(value)}. Write e.g. {{chip.clock: 1.5 GHz}}."
        )
    return tuple(_override(item) for item in (value.items() if isinstance(value, Mapping) else value))


def _override(item: Any) -> tuple[str, str]:
    pair = item.split("=", 1) if isinstance(item, str) else item
    if isinstance(pair, list | tuple) and len(pair) == 2 and not any(isinstance(part, list | dict) for part in pair):
        path, text = (str(part).strip() for part in pair)
        if path and text:
            return path, text
    raise ConfigError(f'overrides: {item!r} is not KEY=VALUE. Write e.g. chip.sram_per_core="64 KiB".')


def whole_number(name: str, minimum: int = 0) -> Callable[[Any], int]:
    """Reader of a whole number of at least ``minimum``.

    Args:
        name: Of the option, for the error.
        minimum: Least value allowed.

    Raises:
        ConfigError: What is read is no such number.
    """

    def read(value: Any) -> int:
        value = whole(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ConfigError(f"{name} must be a whole number of at least {minimum}, got {shown(value)}.")
        if value > MAX_SEED:
            raise ConfigError(f"{name} must be at most {MAX_SEED}.")
        return value

    return read


def switch(name: str) -> Callable[[Any], bool]:
    """Reader of a yes or no."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{name} must be true or false, got {shown(value)}.")
        return value

    return read


def _one_of(value: Any, names: tuple[str, ...], what: str) -> str:
    if value not in names:
        raise ConfigError(f"unknown {what} {value!r}. Known: {', '.join(sorted(names))}.")
    return str(value)


def _named(value: Any, kind: type, what: str) -> Any:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, kind | str):
        raise ConfigError(f"{what}: expected a name, a path or a {kind.__name__}, got {shown(value)}.")
    return value
