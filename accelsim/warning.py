"""Every warning of a result: its stable id, what it means, and what to do about it.

A warning is a text ``id: what happened here``.  Programs tell warnings apart by the id, people read the text; only the
text may be reworded.  docs/warnings.md is this table, and ``accelsim explain ID`` prints a row of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class WarningHelp(NamedTuple):
    """What a reader of a warning wants to know.

    Attributes:
        meaning: What is less certain, or was left out.
        remedy: How to get rid of it, or how to judge it.
    """

    meaning: str
    remedy: str


WARNINGS: Mapping[str, WarningHelp] = MappingProxyType(
    {
        # The model and its description
        "long-context": WarningHelp(
            "Tokens beyond the positions the model was trained for; rotary positions have no end, so it runs.",
            "Shorten prompt, context or steps, or take a model with more positions.",
        ),
        "left-out": WarningHelp(
            "The model's config asks for something that is not modelled; the text names key and consequence.",
            "Judge by the text whether it matters for your question.",
        ),
        "unknown-key": WarningHelp(
            "A key of an imported config is unknown, so what it asks for is not modelled.",
            "Nothing, if the key is about training or tokens; else describe the model in a YAML, docs/models.md.",
        ),
        "family-assumed": WarningHelp(
            "A config names no known family but a class of one in its architectures, or has the keys of a params.json.",
            "Compare the parameters that accelsim show prints with the published count.",
        ),
        "type-assumed": WarningHelp(
            "A config states no element type; bf16 is taken, as most checkpoints are released.",
            "State it: --set model.torch_dtype=float16, or --dtype for the run.",
        ),
        "no-head": WarningHelp(
            "The architecture that a config names has no language-model head, so that no logits are computed.",
            "Nothing for an embedding model; else correct architectures in a copy of the file.",
        ),
        # The types a run computes in
        "type-changed": WarningHelp(
            "The chip's matrix unit has no rate for the type the model is stored in; it is computed in fewer bits.",
            "Choose with --dtype; docs/models.md.",
        ),
        "weight-only": WarningHelp(
            "The chip has no rate for a narrow type; weights are stored in it, and unpacked to be multiplied.",
            "Nothing, if that is what engines do there; else choose another --dtype.",
        ),
        # The job: what of it is not taken into account
        "capacity-ignored": WarningHelp(
            "The model does not fit the memory, and the run went on because it was told to.",
            "Leave --ignore-capacity out to see which changes fit.",
        ),
        "idle-chips": WarningHelp(
            "The plan uses fewer chips than the system has; these draw no power in the result.",
            "Raise tp or dp, or ask for a smaller system with SYSTEM:CHIPS.",
        ),
        "replicated-heads": WarningHelp(
            "Tensor parallelism over more ranks than KV heads (a latent cache is one): ranks repeat heads.",
            "Divide less by tp and more by dp, pp or ep; the text says how much is done again.",
        ),
        "window-cache": WarningHelp(
            "Layers with a window are counted with the last positions only; many engines reserve the full length.",
            "--kv-window full counts that; else nothing, if the engine keeps windows only.",
        ),
        "profile-ignored": WarningHelp(
            "A launch profile was asked for on a machine that runs a compiled program as a whole.",
            "Leave --profile out.",
        ),
        "override-unread": WarningHelp(
            "A value of --set, or of a variant's file, changes no figure of this result.",
            "Set what the text names instead.",
        ),
        "override-partial": WarningHelp(
            "A value of --set, or of a variant's file, changes less than its name says.",
            "Set what the text names too.",
        ),
        # Faults of chips and links
        "chip-faults": WarningHelp(
            "Dead tiles and links of the chip, or the spares kept for them, leave fewer tiles to the groups.",
            "Nothing: the result accounts for them.",
        ),
        "faults-ignored": WarningHelp(
            "The chip has dead tiles or links, but this execution spans the whole grid as if all worked.",
            "Use execution=spatial.",
        ),
        "faults-unseen": WarningHelp(
            "Dead or slow links of a level are left out of a collective: its ring has too many ranks for a graph.",
            "Simulate fewer ranks to see what the faults cost.",
        ),
        "folding-off": WarningHelp(
            "Dead or slow links make ranks unequal, so that every one is simulated; slower, no less exact.",
            "Nothing.",
        ),
        # Prices of operators
        "one-microbatch": WarningHelp(
            "The batch goes through the stages of a pipeline as a whole, so that all but one of them wait.",
            "Cut it with the plan's key microbatches.",
        ),
        "outside-calibration": WarningHelp(
            "An extent of an operator, or a region, lies outside what the cost model was fitted on.",
            "Trust the number less; the error band is wider for it.",
        ),
        "kernel-choice": WarningHelp(
            "A library chooses its kernel by a rule; another would be faster here, so more work may take less time.",
            "Nothing, if that library is used; tokens per expert just above the rule's limit are better off.",
        ),
        "inherited-calibration": WarningHelp(
            "The numbers of a cost model were fitted on another chip.",
            "Calibrate the chip: accelsim calibrate, docs/validation.md.",
        ),
        "typical-calibration": WarningHelp(
            "The chip has no calibration for these operators; typical efficiencies of GPUs stand in.",
            "Calibrate the chip: accelsim calibrate, docs/validation.md.",
        ),
        "assumed-calibration": WarningHelp(
            "Parameters of the cost model are assumptions: no measurement is public.",
            "Compare alternatives rather than rely on the absolute number.",
        ),
        "dtype-uncalibrated": WarningHelp(
            "The calibration saw other element types; those of the nearest type, or assumed rates, stand in.",
            "Calibrate the type, or run with one that was measured.",
        ),
        "cache-unpriced": WarningHelp(
            "The chip's cost model reads the KV cache in the type of the queries: another type changes memory only.",
            "Read time and traffic as those of a cache in that type, or leave --kv-dtype out.",
        ),
        "dtype-without-rate": WarningHelp(
            "The chip states no rate for the element type; one of the same width stands in.",
            "State the rate in the chip's file, or choose another type with --dtype.",
        ),
        "exceeds-sram": WarningHelp(
            "An operator's own blocks do not fit a core's SRAM; its time is as if they did.",
            "Use a larger region, a smaller chunk or a smaller batch.",
        ),
        # Prices of collectives and exchanges
        "collective-uncalibrated": WarningHelp(
            "Collectives of a level have no calibration: a lower bound from the link's latency and bandwidth.",
            "Calibrate them: accelsim calibrate, docs/validation.md.",
        ),
        "collective-outside-measured": WarningHelp(
            "Size or ranks of a collective lie outside the measured calls.",
            "Trust the number less.",
        ),
        "ranks-uneven": WarningHelp(
            "The ranks of a collective do not divide over the levels; more ranks are priced.",
            "Use a number of ranks that fills whole groups.",
        ),
        "ranks-slower": WarningHelp(
            "Ranks sit where a placer or file put them, and a collective is slower there than with ranks in order: "
            "algorithms along the dimensions of a torus, or over several levels in turn, take whole levels only.",
            "Leave ranks= out, or place on fewer byte hops.",
        ),
        "ranks-apart": WarningHelp(
            "The ranks of a collective are no block of the level; their ring runs along a line or snake of neighbours.",
            "Use degrees that cut the level into blocks.",
        ),
        "exchange-uncalibrated": WarningHelp(
            "Exchanges between experts have no calibration at this level: the link's latency and bandwidth alone.",
            "Calibrate them, or take it as a lower bound.",
        ),
        "exchange-assumed": WarningHelp(
            "Exchanges between experts were not measured at this level; their numbers are assumed.",
            "Trust the number less.",
        ),
        "exchange-outside-measured": WarningHelp(
            "An extent of an exchange between experts lies outside the measured ones.",
            "Trust the number less.",
        ),
        "predicted-kernels": WarningHelp(
            "Operators run with kernels that no measured program has; the machine allows them.",
            "Compare with `--plan kernels=measured`; docs/placement.md.",
        ),
        # The result as a whole
        "wider-band": WarningHelp(
            "The error band allows for more than the residuals of rows measured on the chip; the text says for what.",
            "Use the band, not only the latency; docs/results.md.",
        ),
    }
)


def warn(warning_id: str, text: str) -> str:
    """The warning ``id: text``.

    Args:
        warning_id: A key of :data:`WARNINGS`.
        text: What happened in this run, with its names and numbers.

    Examples:
        >>> warn("idle-chips", "6 of 8 chips are idle")
        'idle-chips: 6 of 8 chips are idle'
    """
    assert warning_id in WARNINGS, f"{warning_id} has no entry in accelsim.warning.WARNINGS"
    return f"{warning_id}: {text}"


def warning_id(text: str) -> str:
    """Id of a warning; empty for a text that is none of the library's, e.g. from a user's model file.

    Examples:
        >>> warning_id("idle-chips: 6 of 8 chips are idle")
        'idle-chips'
    """
    before = text.partition(": ")[0]
    return before if before in WARNINGS else ""
