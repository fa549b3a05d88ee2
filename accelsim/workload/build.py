"""The workload of a model on some tokens: operator graphs of one traversal, or of all traversals of a phase."""

from __future__ import annotations

from dataclasses import replace

from accelsim.arguments import checked_call, shown
from accelsim.errors import ConfigError
from accelsim.warning import warn
from accelsim.workload.blocks.base import BLOCKS
from accelsim.workload.description import Description
from accelsim.workload.features.ends import TOKEN_TABLE, build_embedding, build_head
from accelsim.workload.graph import Segment, Workload
from accelsim.workload.phase import Phase
from accelsim.workload.recipe import Recipe
from accelsim.workload.subject import Subject
from accelsim.workload.traversal import Traversal
from accelsim.workload.wiring import Pass


@checked_call(
    'build_workload(load_model("llama3-8b"), Decode(batch=8, context=4096))', phase=Phase, recipe=(Recipe, type(None))
)
def build_workload(model: Subject, phase: Phase, recipe: Recipe | None = None) -> Workload:
    """Workload of the first pass of a phase: the whole prefill, or the first decode step.

    Args:
        model: What is computed.
        phase: On which tokens.
        recipe: How; None takes the model's own types, as it is stored.

    Returns:
        Segments ``embedding``, each run of equal layers, ``head`` (unless a model ends with its last layer).

    Raises:
        ConfigError: The sequence is longer than a learned position table.
    """
    if not hasattr(model, "build"):
        raise ConfigError(f"model: expected a Model, got {shown(model)}. Write e.g. load_model('llama3-8b').")
    return build_step(model, phase, 0, recipe)


def build_step(model: Subject, phase: Phase, step: int, recipe: Recipe | None = None) -> Workload:
    """Workload of pass ``step`` of the phase.

    Args:
        model: What is computed.
        phase: On which tokens.
        step: Number of the pass, from 0.
        recipe: How; None takes the model's own types.

    Raises:
        ConfigError: The phase has no such step, or the sequence does not fit the positions.
    """
    traversals = phase.traversals()
    if not 0 <= step < len(traversals):
        raise ConfigError(f"step must be in 0..{len(traversals) - 1} for {phase}, got {step}")
    suffix = f" step={step}" if len(traversals) > 1 else ""
    return replace(model.build(traversals[step], recipe), name=f"{model.name} {phase}{suffix}")


def build_traversal(model: Description, traversal: Traversal, recipe: Recipe | None = None) -> Workload:
    """Workload of one traversal.

    Args:
        model: What is computed.
        traversal: The tokens.
        recipe: How; None takes the model's own types, as it is stored.

    Raises:
        ConfigError: As :func:`build_workload`.
    """
    recipe = recipe or own_recipe(model)
    return Workload(
        name=model.name,
        segments=build_segments(model, traversal, recipe),
        tokens=traversal.tokens,
        tied_weights=(TOKEN_TABLE,) if model.tie_word_embeddings else (),
        warnings=model.warnings + _prediction_warnings(model) + _length_warnings(model, traversal.length),
        reduce=recipe.types.reduce,
    )


def own_recipe(model: Description) -> Recipe:
    """The model's own types, as it is stored."""
    return Recipe(model.own_types)


def build_segments(model: Description, traversal: Traversal, recipe: Recipe) -> tuple[Segment, ...]:
    """Segments ``embedding``, each run of equal layers in order, ``head`` of one traversal.

    A traversal may be a piece of a phase: some tokens of a prompt behind others that are cached already.

    Args:
        model: What is computed.
        traversal: The tokens.
        recipe: How.
    """
    step = Pass(traversal, recipe)
    kinds = dict.fromkeys(layer for layer, _ in model.layers)
    graphs = {layer: BLOCKS.get(layer.block)(model, step.within(layer), layer) for layer in kinds}
    runs = {run: Segment(graphs[run[0]], run[1]) for run in dict.fromkeys(model.layers)}
    head = build_head(model, step)
    return (
        Segment(build_embedding(model, step)),
        *(runs[run] for run in model.layers),
        *((Segment(head),) if len(head) else ()),  # a model may end with its last layer
    )


def _prediction_warnings(model: Description) -> tuple[str, ...]:
    count = model.num_nextn_predict_layers
    if not count:
        return ()
    return (warn("left-out", f"num_nextn_predict_layers: no multi-token prediction, {count} further layer(s)"),)


def _length_warnings(model: Description, length: int) -> tuple[str, ...]:
    limit = model.max_position_embeddings
    if length <= limit:
        return ()
    if model.position == "learned":
        raise ConfigError(
            f"{model.name}: {length} positions, but its learned position table holds max_position_embeddings={limit}. "
            f"Use at most {limit} tokens."
        )
    return (warn("long-context", f"{length} positions exceed max_position_embeddings={limit} of {model.name}"),)
