"""Two runs side by side: what changed, and which operators and causes the change of the latency is made of.

The critical path of a run sums to its latency, by operator and cause; so the differences between two critical paths,
aligned by block, operator and cause, sum to the difference of the latencies.  An operator that only one of the runs has
counts with its whole time.  Not done: aligning operators of other names (a run in which groups of operators stream
through rectangles names the groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.case.case import OPTIONS
from accelsim.results.format import full_operator_name, operator_labels

if TYPE_CHECKING:
    import pandas as pd

#: Figures that are compared one by one: key of the JSON and dimension of its unit ("" for a plain number).
FIGURES = {
    "latency_s": "time",
    "tokens_per_s": "",
    "energy_j": "joule",
    "flops": "",
}
#: Options that no other section of the inputs shows.
_FURTHER = [o.name for o in OPTIONS if o.name not in ("model", "system", "phase", "plan", "dtype", "overrides")]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both runs.

    Attributes:
        name: What it is of.
        before: In the first run.
        after: In the second run.
    """

    name: str
    before: float
    after: float

    @property
    def delta(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def fraction(self) -> float:
        """Delta over before; infinite for something new."""
        if self.before == 0.0:
            return 0.0 if self.after == 0.0 else float("inf")
        return self.delta / self.before


@dataclass(frozen=True, slots=True)
class Part:
    """What one operator contributes to the change of the latency by one cause.

    Attributes:
        block: Its block.
        operator: The operator; empty for idle time.
        cause: The cause.
        time: Seconds on the critical path in both runs.
        label: The operator as it is shown, told from those of other blocks.
    """

    block: str
    operator: str
    cause: str
    time: Change
    label: str = ""

    @property
    def name(self) -> str:
        """E.g. ``mlp.down (hbm)``."""
        return f"{self.label} ({self.cause})" if self.operator else self.cause


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """The difference between two runs.

    Attributes:
        inputs: What was asked differently: name, first run, second run.
        figures: Latency, throughput, energy, FLOPs.
        causes: Latency by cause on the critical path; deltas sum to that of the latency.
        operators: Latency by operator on the critical path; deltas sum to that of the latency.
        parts: By operator and cause; largest change first; deltas sum to that of the latency.
        traffic_bytes: By memory level and network.
        memory_bytes: By tensor role.
        band_s: Error band of the first run's latency; None where its file states none.
        band_level: Share of measurements that the band means to hold.
    """

    inputs: tuple[tuple[str, str, str], ...]
    figures: tuple[Change, ...]
    causes: tuple[Change, ...]
    operators: tuple[Change, ...]
    parts: tuple[Part, ...]
    traffic_bytes: tuple[Change, ...]
    memory_bytes: tuple[Change, ...]
    band_s: tuple[float, float] | None = None
    band_level: float = 0.0

    def __repr__(self) -> str:
        return f"Difference({self.sentence})"

    def table(self) -> pd.DataFrame:
        """One row per operator and cause: seconds on the critical path in both runs, and their difference."""
        import pandas as pd

        rows = [(p.block, p.operator, p.cause, p.time.before, p.time.after, p.time.delta) for p in self.parts]
        return pd.DataFrame(rows, columns=["block", "operator", "cause", "before_s", "after_s", "delta_s"])

    @property
    def is_within_band(self) -> bool | None:
        """Whether the second latency lies inside the first run's error band; None where that is not known.

        Two runs on one chip err together, so that a difference inside may still be real; between machines it may not.
        """
        return None if self.band_s is None else self.band_s[0] <= self.latency_s.after <= self.band_s[1]

    @property
    def is_equal(self) -> bool:
        """Whether no figure, no part of the latency and no byte differs."""
        changes = (*self.figures, *self.causes, *self.traffic_bytes, *self.memory_bytes)
        return not any(change.delta for change in (*changes, *(part.time for part in self.parts)))

    @property
    def latency_s(self) -> Change:
        """Latency of both runs."""
        return self.figures[0]

    @property
    def sentence(self) -> str:
        """What the change of the latency is made of, in one sentence."""
        latency = self.latency_s
        if self.is_equal:
            return "The two runs are equal: latency, energy, traffic and memory are the same."
        if abs(latency.fraction) < 5e-7:
            return "The latency is the same, other figures differ."
        word = "slower" if latency.delta > 0 else "faster"
        moved = [part for part in self.parts if part.time.delta * latency.delta > 0]
        shares = [f"{part.time.delta / latency.delta:.0%} {part.name}".replace("%", " %") for part in moved[:3]]
        against = sum(part.time.delta for part in self.parts if part.time.delta * latency.delta < 0)
        size = abs(latency.fraction) * 100
        text = f"The second run is {f'{size:.1f}' if size >= 0.05 else f'{size:.1g}'} % {word}"
        text += f"; of the difference: {', '.join(shares)}"
        if abs(against) > 0.05 * abs(latency.delta):
            text += f"; other parts take {abs(against / latency.delta):.0%} of it back".replace("%", " %")
        return f"{text}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data, the JSON of ``accelsim diff --json``."""
        return {
            "sentence": self.sentence,
            "within_band": self.is_within_band,
            "band_s": None if self.band_s is None else list(self.band_s),
            "band_level": self.band_level,
            "inputs": [{"name": n, "before": a, "after": b} for n, a, b in self.inputs],
            "figures": _changes(self.figures),
            "causes_s": _changes(self.causes),
            "operators_s": _changes(self.operators),
            "parts_s": [
                {"block": p.block, "operator": p.operator, "cause": p.cause, **_change(p.time)} for p in self.parts
            ],
            "traffic_bytes": _changes(self.traffic_bytes),
            "memory_bytes": _changes(self.memory_bytes),
        }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare the JSON of two runs.

    Args:
        before: First run, from ``Result.to_dict`` or :func:`accelsim.results.saved.load_result`.
        after: Second run.
    """
    left, right = _path(before), _path(after)
    keys = {**left, **right}
    labels = operator_labels((block, operator) for block, operator, _ in keys)
    changes = [Part(*key, Change("", left.get(key, 0.0), right.get(key, 0.0)), labels[key[:2]]) for key in keys]
    return Difference(
        inputs=tuple(_inputs(before, after)),
        figures=tuple(Change(name, float(before.get(name, 0)), float(after.get(name, 0))) for name in FIGURES),
        causes=_sum_by(changes, lambda part: part.cause),
        operators=_sum_by(changes, lambda part: full_operator_name(part.block, part.operator) or part.cause),
        parts=tuple(sorted(changes, key=lambda part: -abs(part.time.delta))),
        traffic_bytes=_aligned(before, after, "traffic_bytes"),
        memory_bytes=_aligned(before, after, "memory_bytes"),
        band_s=_pair(before.get("latency_band_s")),
        band_level=float(before.get("band", {}).get("level", 0.0)),
    )


def _pair(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (float(interval[0]), float(interval[1]))


def _path(data: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """Seconds on the critical path; by cause alone in a file that does not hold the path."""
    total: dict[tuple[str, str, str], float] = {}
    parts = data.get("critical_path") or [
        {"block": "", "operator": "", "cause": cause, "time_s": s} for cause, s in data["time_by_cause_s"].items()
    ]
    for part in parts:
        key = part["block"], part["operator"], part["cause"]
        total[key] = total.get(key, 0.0) + part["time_s"]
    return total


def _sum_by(parts: Iterable[Part], name: Any) -> tuple[Change, ...]:
    sums: dict[str, list[float]] = {}
    for part in parts:
        pair = sums.setdefault(name(part), [0.0, 0.0])
        pair[0] += part.time.before
        pair[1] += part.time.after
    found = [Change(key, *pair) for key, pair in sums.items()]
    return tuple(sorted(found, key=lambda change: -abs(change.delta)))


def _aligned(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> tuple[Change, ...]:
    left, right = before.get(key, {}), after.get(key, {})
    return tuple(Change(name, float(left.get(name, 0)), float(right.get(name, 0))) for name in {**left, **right})


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    left, right = _flat(before), _flat(after)
    for name in {**left, **right}:
        if left.get(name) != right.get(name):
            yield name, left.get(name, "-"), right.get(name, "-")


def _flat(data: Mapping[str, Any]) -> dict[str, str]:
    """What was asked for: model, system, phase, plan, types, and the manifest with its hashes."""
    flat = {name: str(data[name]) for name in ("model", "system", "dtype") if name in data}
    manifest = data.get("manifest", {})
    sections = {"phase": data.get("phase", {}), "plan": data.get("plan", {}), "types": data.get("types", {})}
    sections["set"] = manifest.get("overrides", {})
    for section, values in sections.items():
        flat |= {f"{section}.{name}": str(value) for name, value in values.items() if value is not None}
    flat |= {f"file {name}": str(digest)[:12] for name, digest in manifest.get("inputs", {}).items()}
    flat |= {name: str(manifest[name]) for name in _FURTHER if name in manifest}
    if "accelsim_version" in manifest:
        flat["accelsim"] = str(manifest["accelsim_version"])
    return flat


def _change(change: Change) -> dict[str, float]:
    return {"before": change.before, "after": change.after, "delta": change.delta}


def _changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    return [{"name": change.name, **_change(change)} for change in changes]
