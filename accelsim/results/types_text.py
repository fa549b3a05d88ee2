"""The element types of a run as one line for people."""

from __future__ import annotations

from collections.abc import Mapping


def types_text(types: Mapping[str, str]) -> str:
    """``bf16``, or every role with its type: ``weights fp8 (router, head: bf16), inputs fp8, ...``.

    Args:
        types: Types by role, as a result has them.
    """
    if len(set(types.values())) == 1:
        return types["activations"]
    weights, inputs = (
        {role.removeprefix(start): name for role, name in types.items() if role.startswith(start)}
        for start in ("weights.", "inputs.")
    )
    return (
        f"weights {_grouped(weights)}; multiplied with {_grouped(inputs)}; activations {types['activations']}, "
        f"KV cache {types['kv_cache']}, partial sums {types['reduce']}"
    )


def _grouped(names: Mapping[str, str]) -> str:
    """Each name once, with the parts that have it unless it is the commonest."""
    parts: dict[str, list[str]] = {}
    for part, name in names.items():
        parts.setdefault(name, []).append(part)
    commonest, *others = sorted(parts, key=lambda name: -len(parts[name]))
    rest = "; ".join(f"{', '.join(parts[name])}: {name}" for name in others)
    return f"{commonest} ({rest})" if rest else commonest
