"""Options that several commands share, and the values they stand for.

Only typing imports here: commands import the simulator when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.dtypes import DType
    from accelsim.workload.phase import Phase
    from accelsim.workload.routing import Routing

DEFAULT_MODEL = "llama3-8b"
#: One machine of each class; what ``run`` and ``compare`` show when no system is named.
DEFAULT_SYSTEMS = ("nvidia-a100-sxm-80gb", "google-tpu-v4-pod:4", "cerebras-cs2")

PhaseOption = Annotated[str | None, typer.Option("--phase", help="prefill or decode; default: prefill.")]
BatchOption = Annotated[int, typer.Option("--batch", help="Sequences.")]
PromptOption = Annotated[int | None, typer.Option("--prompt", help="Prompt tokens of each sequence (prefill).")]
ContextOption = Annotated[int | None, typer.Option("--context", help="Tokens in the KV cache (decode).")]
StepsOption = Annotated[int | None, typer.Option("--steps", help="Tokens to generate (decode).")]
DtypeOption = Annotated[str | None, typer.Option("--dtype", help="Element type; default: the model's own.")]
PlanOption = Annotated[
    str, typer.Option("--plan", help='E.g. "tp=8,dp=2,region=480x480", or auto: the fastest that fits.')
]
ProfileOption = Annotated[
    str,
    typer.Option("--profile", help="How a host gets kernels to a GPU: graph, eager, compiled, or a profile's YAML."),
]
EngineOption = Annotated[str, typer.Option("--engine", help="auto, simpy or compiled.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything random, kept in the manifest.", min=0)]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help='KEY=VALUE, e.g. chip.sram_per_core="64 KiB"; may be given often.')
]
ConstraintsOption = Annotated[
    str | None, typer.Option("--constraints", help="YAML of pins, forbidden tiles and what lies together (spatial).")
]
IgnoreCapacityOption = Annotated[
    bool, typer.Option("--ignore-capacity", help="Warn instead of failing when it does not fit.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Fail when the result carries a warning.")]
RoutingOption = Annotated[
    str, typer.Option("--routing", help="Tokens over experts: random, balanced, or the fullest rank's load, e.g. 1.3.")
]
JsonOption = Annotated[str | None, typer.Option("--json", help="Write the result as JSON to FILE, or - for stdout.")]

DEFAULT_LENGTH = 2048


def make_phase(
    kind: str | None,
    batch: int,
    prompt: int | None,
    context: int | None,
    steps: int | None,
    model: str,
    set_: list[str] | None = None,
) -> Phase:
    """The phase the options describe; without ``--phase``, ``--context`` or ``--steps`` mean decode.

    A length that is not given is :data:`DEFAULT_LENGTH`, or less where ``model`` has fewer positions: then a note on
    the error stream says so.

    Raises:
        ConfigError: Unknown phase, or an option of the other phase.
    """
    from accelsim.workload.phase import Decode, Prefill

    if kind is None:
        kind = "decode" if context is not None or steps is not None else "prefill"
    if kind == "prefill":
        _refuse("prefill", {"--context": context, "--steps": steps})
        return Prefill(batch=batch, prompt=_default_length(model, set_, "prompt") if prompt is None else prompt)
    if kind == "decode":
        _refuse("decode", {"--prompt": prompt})
        steps = 1 if steps is None else steps
        context = _default_length(model, set_, "context", steps) if context is None else context
        return Decode(batch=batch, context=context, steps=steps)
    if kind == "train":
        raise ConfigError("--phase train is not modelled yet. Use prefill or decode.")
    raise ConfigError(f"--phase: unknown phase {kind!r}. Use prefill or decode.")


def _default_length(model: str, set_: list[str] | None, name: str, steps: int = 0) -> int:
    """Tokens of a prompt or a cache that leave room for ``steps`` more among the model's positions."""
    from accelsim.workload.formats.hf import load_model_file

    of_model = [(path.removeprefix("model."), text) for path, text in make_overrides(set_) if path.startswith("model.")]
    positions = load_model_file(model, overrides=of_model).spec.max_position_embeddings
    length = max(1, min(DEFAULT_LENGTH, positions - steps))
    if length < DEFAULT_LENGTH:
        typer.echo(f"note: {name} {length}, because {model} has {positions} positions", err=True)
    return length


def _refuse(kind: str, options: dict[str, int | None]) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"{name} has no meaning with --phase {kind}. Remove it, or choose the other phase.")


def make_dtype(text: str | None) -> DType | None:
    """The element type of that name.

    Raises:
        ConfigError: Unknown name.
    """
    from accelsim.dtypes import DType

    if text is None:
        return None
    try:
        return DType(text)
    except ValueError as error:
        raise ConfigError(f"--dtype: unknown type {text!r}. Known: {', '.join(d.value for d in DType)}.") from error


def make_overrides(items: list[str] | None) -> tuple[tuple[str, str], ...]:
    """``(path, value)`` of each ``KEY=VALUE``.

    Raises:
        ConfigError: An item has no ``=``.
    """
    overrides = []
    for item in items or []:
        key, equals, value = item.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ConfigError(f'--set {item!r} is not KEY=VALUE. Write e.g. --set chip.sram_per_core="64 KiB".')
        overrides.append((key.strip(), value.strip()))
    return tuple(overrides)


def make_routing(text: str) -> Routing:
    """How tokens spread over experts.

    Raises:
        ConfigError: Neither a known kind nor a factor of at least 1.
    """
    from accelsim.workload.routing import Routing

    return Routing.parse(text)


def check_engine(name: str) -> Any:
    """The engine name, if known.

    Raises:
        ConfigError: Unknown engine.
    """
    if name not in ("auto", "simpy", "compiled"):
        raise ConfigError(f"--engine: unknown engine {name!r}. Known: auto, compiled, simpy.")
    return name
