"""One published rate as it is understood, and how its metric follows from the times of a prefill and of a decode step.

A decode step is that at the mean context, the tokens of the prompt and half of those written; a prefill is that of the
whole batch::

    output tokens/s/user      1 / step
    output tokens/s total     batch x output / (prefill + output x step);  batch / step where no output is stated
    (input+output) tokens/s   batch x (input + output) / (prefill + output x step)
    TTFT ms                   prefill of one request

Not modelled: the scheduler that mixes prefills and decodes, the host between steps, the sampling of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

#: Confidence in what a row states: all of it, something filled in by a rule, or marked doubtful by who collected it.
STATED, ASSUMED, DOUBTFUL = "stated", "assumed", "doubtful"


class Needs(Enum):
    """What is simulated for a metric."""

    PREFILL_OF_ONE = "prefill of one request"
    STEP = "decode step"
    BOTH = "prefill of the batch and decode step"


@dataclass(frozen=True, slots=True)
class Rate:
    """A published rate.

    Attributes:
        row: Which row of its table.
        system: Ours, with its chips, e.g. ``"intel-gaudi3-node:2"``.
        model: Ours.
        types: Of the weights, as ``--dtype`` takes them.
        plan: Text of the plan.
        batch: Sequences at once.
        prompt: Tokens of input.
        output: Tokens written; 0: not stated.
        metric: One of :data:`METRICS`.
        value: As published.
        confidence: :data:`STATED`, :data:`ASSUMED` or :data:`DOUBTFUL`.
        filled: What a rule filled in, in words.
        software: Suite that gives the factor of its software; blank: none.
    """

    row: int
    system: str
    model: str
    types: str
    plan: str
    batch: int
    prompt: int
    output: int
    metric: str
    value: float
    confidence: str = STATED
    filled: tuple[str, ...] = ()
    software: str = ""

    @property
    def context(self) -> int:
        """Tokens in the cache at the mean step."""
        return self.prompt + self.output // 2

    @property
    def needs(self) -> Needs:
        """What is simulated for it."""
        if METRICS[self.metric].is_first_token:
            return Needs.PREFILL_OF_ONE
        return Needs.BOTH if METRICS[self.metric].is_total and self.output else Needs.STEP

    def value_of(self, prefill_s: float, step_s: float) -> float:
        """The metric, from simulated times; one that is not needed may be 0."""
        return METRICS[self.metric].of(self, prefill_s, step_s)

    def seconds_of(self, value: float) -> float:
        """Seconds behind a value of the metric: of the first token, or per token."""
        return value / 1e3 if METRICS[self.metric].is_first_token else 1.0 / value


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric follows from simulated times.

    Attributes:
        of: Its value from the rate's facts, seconds of a prefill and of a decode step.
        label: What tables of errors call it, which compare seconds.
        is_first_token: Whether it is a time in milliseconds and needs the prefill alone.
        is_total: Whether it counts a batch from its prompts on.
    """

    of: Callable[[Rate, float, float], float]
    label: str
    is_first_token: bool = False
    is_total: bool = False


def _total(rate: Rate, prefill_s: float, step_s: float) -> float:
    return rate.batch * rate.output / (prefill_s + rate.output * step_s) if rate.output else rate.batch / step_s


def _with_input(rate: Rate, prefill_s: float, step_s: float) -> float:
    return rate.batch * (rate.prompt + rate.output) / (prefill_s + rate.output * step_s)


#: Metrics by the spelling of the table.
METRICS: Mapping[str, Metric] = {
    "output tokens/s/user": Metric(lambda rate, prefill_s, step_s: 1.0 / step_s, "tpot"),
    "output tokens/s total": Metric(_total, "throughput", is_total=True),
    "(input+output) tokens/s total": Metric(_with_input, "throughput with input", is_total=True),
    "TTFT ms": Metric(lambda rate, prefill_s, step_s: prefill_s * 1e3, "ttft", is_first_token=True),
}
