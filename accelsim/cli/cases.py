"""The case that the flags of a command state: on their own, or put over a case file or a saved result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.case.case import OPTIONS, Case
from accelsim.case.phases import check_kind, kind_of, phase_from
from accelsim.case.read import read_overrides
from accelsim.cli.caseflags import Stated
from accelsim.cli.wrap import tell
from accelsim.errors import ConfigError, UnitError
from accelsim.workload.phase import PHASES, Phase, PhaseField

#: Tokens when none are named.
DEFAULT_LENGTH = 2048
#: A batch that means: the largest that fits.
LARGEST = "max"


def make_case(
    stated: Stated, system: str | None = None, plan: str | None = None, default: tuple[str, str] = ("", "")
) -> Case:
    """The case that flags state; with the largest batch that fits, where that is asked for.

    Args:
        stated: What was given.
        system: In place of what was given.
        plan: In place of what was given.
        default: System and plan where neither a flag nor a case file names one.

    Raises:
        ConfigError: A value that no run can have, or no system.
        CapacityError: The largest batch is asked for, and none fits.
    """
    case = stated_case(stated, system, plan, default)
    if not is_largest(stated):
        return case
    from accelsim.study.largest import largest_batch

    return largest_batch(case)


def stated_case(
    stated: Stated, system: str | None = None, plan: str | None = None, default: tuple[str, str] = ("", "")
) -> Case:
    """As :func:`make_case`, but of one sequence where the largest batch is asked for."""
    base = base_case(stated.model)
    options: dict[str, Any] = dict(stated.options)
    if (system or stated.system) is not None:
        options["system"] = system or stated.system
    if plan is not None:
        options["plan"] = plan
    try:
        if base is not None:
            if base.overrides and "overrides" in options:  # put over those of the case
                options["overrides"] = (*base.overrides, *read_overrides(options["overrides"]))
            return base.but(**options, phase=make_phase(stated, base))
        for name, value in zip(("system", "plan"), default, strict=True):
            if value:
                options.setdefault(name, value)
        if "system" not in options:
            raise ConfigError("no system is named. Add --on SYSTEM; accelsim show systems lists them.")
        return Case.of(stated.model, phase=make_phase(stated), **options)
    except ConfigError as error:
        raise _of_flag(error, stated) from error


def is_largest(stated: Stated) -> bool:
    """Whether the largest batch that fits is asked for."""
    return stated.sizes.get("batch") == LARGEST


def _of_flag(error: ConfigError, stated: Stated) -> ConfigError:
    """The error with the flag in place of the option's name."""
    name, colon, rest = str(error).partition(": ")
    flags = {one.name: one.flag for one in OPTIONS if one.name in stated.options and one.name != "plan"}
    flags |= {"phase": "--phase", **{size: f"--{size.replace('_', '-')}" for size in stated.sizes}}
    return type(error)(f"{flags[name]}: {rest}") if colon and name in flags else error


def base_case(model: str) -> Case | None:
    """The case in the file or folder that stands in the place of a model; None if it is a model.

    Raises:
        ConfigError: The file cannot be read, or is a result that cannot be repeated.
    """
    path = Path(model)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        from accelsim.case.file import is_case
        from accelsim.config.loader import load_document

        return Case.from_file(path) if is_case(load_document(path)) else None
    if (path / "result.json").is_file() or (path.suffix.lower() == ".json" and path.is_file() and _is_result(path)):
        from accelsim.results.saved import load_result

        saved = load_result(path)
        _tell_of_changed_files(saved.case, saved.data["manifest"].get("inputs", {}))
        return saved.case
    return None


def _tell_of_changed_files(case: Case, inputs: Mapping[str, str]) -> None:
    """A note on the error stream for each file that is not what it was when a result was made."""
    for name, sha256 in case.load().inputs.items():
        if name in inputs and inputs[name] != sha256:
            tell(f"note: {name} has changed since that result was made")


def _is_result(path: Path) -> bool:
    """Whether a JSON file is a result and not the config of a model."""
    from accelsim.config.loader import load_document

    return "manifest" in load_document(path).root.children


def make_phase(stated: Stated, base: Case | None = None) -> Phase:
    """The phase that flags state; sizes not given are those of the base, where its phase has them.

    Without ``--phase`` it is of the kind of the base, if that has the sizes given.  A length that is nowhere given is
    :data:`DEFAULT_LENGTH`, or less where the model has fewer positions: then a note on the error stream says so.

    Args:
        stated: What flags say.
        base: The case that they are put over, if any.

    Raises:
        ConfigError: Unknown phase, or a size of another one.
    """
    before = {} if base is None else base.phase.plain()
    kind = stated.kind or (str(before["kind"]) if before and stated.sizes.keys() <= before.keys() else "")
    kind = kind or kind_of(stated.sizes)
    check_kind(kind)
    fields = {one.name: one for one in PHASES.get(kind).fields()}
    sizes = {name: value for name, value in before.items() if name in fields}
    given = {**stated.sizes, **({"batch": 1} if is_largest(stated) else {})}
    sizes |= {name: _read(fields[name], value) if name in fields else value for name, value in given.items()}
    for name in fields:
        if fields[name].is_length and name not in sizes:
            sizes[name] = _default_length(stated, base, name, sizes)
    return phase_from(kind, sizes)


def _read(of: PhaseField, value: Any) -> Any:
    try:
        return of.parse(value) if isinstance(value, str) else value
    except UnitError as error:
        raise ConfigError(f"{of.name}: {error}") from error


def _default_length(stated: Stated, base: Case | None, name: str, sizes: Mapping[str, Any]) -> int:
    """Tokens of a prompt or a cache that leave room for the steps among the model's positions."""
    from accelsim.workload.formats.hf import load_model_file
    from accelsim.workload.graph import Workload

    overrides = (*(base.overrides if base else ()), *read_overrides(stated.options.get("overrides", ())))
    of_model = [(path.removeprefix("model."), text) for path, text in overrides if path.startswith("model.")]
    model = base.model if base else stated.model
    spec = load_model_file(model, overrides=of_model).spec if isinstance(model, str) else model
    if isinstance(spec, Workload):  # has no positions to run out of
        return DEFAULT_LENGTH
    steps = 0 if name == "prompt" else int(sizes.get("steps", 1))
    length = max(1, min(DEFAULT_LENGTH, spec.max_position_embeddings - steps))
    if length < DEFAULT_LENGTH:
        tell(f"note: {name} {length}, because {spec.name} has {spec.max_position_embeddings} positions")
    return length


def with_plan_keys(plan: str | None, **keys: str | None) -> str | None:
    """The text of a plan with options that are keys of their own folded in; None if nothing is given.

    Args:
        plan: Text of ``--plan``, if given.
        **keys: Text of each further key, None where it is not given.
    """
    items = [] if plan in (None, "auto") else [str(plan)]
    items += [f"{key}={value}" for key, value in keys.items() if value is not None]
    return ",".join(items) or plan
