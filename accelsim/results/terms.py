"""Words that results print, with what they mean: causes of time, memory levels, roles of bytes, figures.

``accelsim explain WORD`` prints an entry.  Names of links between chips (``nvlink``) are levels of a system and not
here; words of a plan and fields of files explain themselves where they are declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from accelsim.results.metrics import (
    BUBBLE_DEFINITION,
    HFU_DEFINITION,
    MBU_DEFINITION,
    MFU_DEFINITION,
    THROUGHPUT_DEFINITION,
)


class Term(NamedTuple):
    """A word of a result.

    Attributes:
        kind: What sort of word it is.
        meaning: What it means.
    """

    kind: str
    meaning: str


_FIGURES = {
    "mfu": f"Model FLOPs utilisation: {MFU_DEFINITION}. Work that a mapping repeats is not counted.",
    "hfu": f"Hardware FLOPs utilisation: {HFU_DEFINITION}. Of training only: inference repeats nothing.",
    "mbu": f"Memory-bandwidth utilisation: {MBU_DEFINITION}. Left out where the main memory is the SRAM of the cores.",
    "bubble": f"{BUBBLE_DEFINITION[0].upper()}{BUBBLE_DEFINITION[1:]}; a cell is one stage of a pipeline on one "
    "microbatch.",
    "latency": "As a figure: from the start of the first operator to the end of the last. As a cause: time in which an "
    "operator waits for something that takes a fixed time (a first byte, a tail of a pipeline), whatever its size.",
    "tokens/s": f"Throughput: {THROUGHPUT_DEFINITION}.",
    "ttft": "Time to the first token: the latency of a prefill of the prompt.",
    "tpot": "Time per output token: the latency of a decode over its steps.",
    "band": "Interval that holds 80 % of measured times, by the errors of the calibrations; docs/validation.md.",
    "energy": "Joules of all chips: operations and bytes moved, power while busy, static power; of links too.",
    "power": "Mean is energy over latency; peak is that of the operator that draws most; the limit is the chips' own.",
    "memory": "Bytes one chip holds at the fullest moment, against what its main memory has.",
    "ranks": "How many times faster collectives are where a placer seats the ranks than with ranks in order.",
    "traffic": "Bytes that crossed a memory level or links, of all chips, reads and writes together.",
    "of peak": "Mean rate over the published peak of all chips; above 100 % where a cache serves more than it states.",
    "cost": "Price of the run at --price-per-chip-hour, and per million tokens.",
    "carbon": "CO2 of the chips' energy at --grid-gco2-per-kwh, per million tokens; nothing else is counted.",
    "aspect": "Longer side of a rectangle of tiles over the shorter one.",
    "hops": "Links between neighbouring cores that bytes cross on their way.",
    "algbw": "Of a collective: size of the call over its time (nccl-tests).",
    "busbw": "Of a collective: what a link of an ideal ring carries, comparable over numbers of ranks (nccl-tests).",
}
_CAUSES = {
    "compute": "Arithmetic of the matrix or vector units decides: the tiles and waves of an operator, unused lanes "
    "included. A faster clock or more cores move it.",
    "vector": "Arithmetic of the vector units decides.",
    "launch": "From the end of one operator to the start of the next: starting a kernel, a phase, a module.",
    "step": "Fixed time of a step of a pipeline of tiles: descriptors and set-up.",
    "sync": "All tiles wait until the last is done (bulk-synchronous machines).",
    "fixed cycles": "Cycles of cores that are there whatever the sizes: starts of vector instructions, idle lanes "
    "of an array, stages of a tree. A faster clock moves them.",
    "exposed communication": "Bytes between chips that no work hides: what is left when all that overlaps is gone.",
    "power limit": "What arithmetic takes longer because clocks fall where a chip would draw more than its limit "
    "(chip.tdp). Power falls with the clock and the square of the voltage (chip.voltage); memories keep their pace. A "
    "higher limit, less idle or busy power or cheaper operations move it; an operator below the limit is untouched.",
    "link latency": "Steps of transfers between chips before their bytes move, which more bandwidth does not shorten.",
    "collective launch": "Start of calls between chips, and the pass of a rank over its own part.",
    "exposed": "Not hidden by other work; see exposed communication.",
    "contention": "Operators that share a memory or link slow each other down; beyond what each takes alone.",
    "setting light paths": "A station's wavelengths, or circuits of a switch, are set to another path; nothing passes.",
    "host": "The chip waits for the host to dispatch an operator (--profile eager), or for a framework's gap.",
    "idle": "Nothing runs on the chip that is looked at: it waits for others.",
    "overlapped": "Operators that run at the same time; the shares are then of their summed time.",
}
_LEVELS = {
    "hbm": "Main memory of a chip (chip.memories.hbm): weights and KV cache. As a cause: its bandwidth decides.",
    "dram": "Main memory of a chip, of another technology than HBM. As a cause: its bandwidth decides.",
    "l2": "Cache shared by the cores (chip.memories.l2). As a cause: its bandwidth decides.",
    "sram": "Memory of each core (chip.sram_per_core); on chips without another one the model lives there.",
    "noc": "Network between neighbouring cores (chip.noc). As a cause: words and hops on it that no arithmetic hides.",
    "optical_noc": "Waveguides over the cores (chip.noc.optical). As a cause: light and its conversions.",
    "package": "Links between the dies of a package, a level of the system (system.levels.package).",
    "host link": "Link from a chip to its host (system.host.link), over which streamed weights come.",
}
_ROLES = {
    "weight": "Bytes of the model's parameters, as stored, scales included.",
    "kv_cache": "Keys and values (or their latents) of the tokens read so far.",
    "activation": "Results of operators that others read; in a footprint the most alive at once.",
    "busy": "Of energy: power on top of idle while anything runs (chip.busy): clocks, leakage, regulators. On GPUs a "
    "share of it while cores wait, less at lower clocks.",
    "static": "Of energy: power that burns whether anything runs or not (chip.idle, lasers).",
    "cores": "Of energy: arithmetic of matrix and vector units.",
}
_WORDS = {
    "kv": "KV cache: keys and values (or their latents) of the tokens read so far; --kv-dtype is their type.",
    "operator": "One node of a layer's graph: a product, an attention, a collective ...; accelsim show operators.",
    "count": "Of an operator: how often it runs on one rank, over all layers, passes and microbatches.",
    "limited by": "The cause that most of an operator's time goes to.",
    "block": "One layer as a graph of operators, repeated; its name stands in brackets where layers differ.",
    "region": "Cores that one operator spans in whole-chip execution; layers fill as many as their weights need.",
    "chunk": "Tokens that go through the groups of spatial execution together.",
    "types": "Element types by role: weights, what they are multiplied by, activations, KV cache, partial sums.",
    "profile": "How a host gets kernels to a GPU: --profile graph, eager, compiled, or a framework's.",
    "prefill": "All tokens of a prompt in one pass.",
    "decode": "Passes of one new token per sequence, behind those in the KV cache.",
    "elasticity": "Per cent that a figure changes by when a parameter grows by one per cent.",
    "checks": "Published figures that a file's structure must reproduce, else it is not loaded.",
    "assumed": "A value without a source; a run's -v lists those it rests on. Of a price (show support): another "
    "type's numbers, or no measurement.",
    "measured": "Of a price (show support): fitted to measured rows of this chip.",
    "inherited": "Of a price or calibration: taken over from another chip (calibration_from) that was measured.",
    "typical": "Of a price (show support): a calibration that is typical of chips of the kind.",
    "refused": "The chip does not run the type, or the plan does not suit or fit; the reason is printed.",
    "of which": "Of traffic: bytes by what they hold, in main memory.",
    "@": "Behind a group of tiles: its piece, counted from 0 (decoder0.mlp@2); @* is any piece. See pieces.",
}

#: Every word, in small letters.
TERMS: Mapping[str, Term] = MappingProxyType(
    {
        word: Term(kind, meaning)
        for kind, words in (
            ("figure", _FIGURES),
            ("cause of time", _CAUSES),
            ("memory or network", _LEVELS),
            ("role of bytes or energy", _ROLES),
            ("word", _WORDS),
        )
        for word, meaning in words.items()
    }
)
