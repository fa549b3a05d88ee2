"""Element types, the bytes they take, and the formats that store numbers beside them to scale them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from accelsim.arguments import checked_call, expect, shown
from accelsim.errors import ConfigError

_BITS = {"fp32": 32, "tf32": 32, "int32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "fp4": 4, "int4": 4}


class DType(Enum):
    """Element type of a tensor; the value is its spelling in YAML, CSV and on the command line.

    Attributes:
        bits: Bits of one element in memory (``tf32`` is stored as 32 bits).
    """

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    FP4 = "fp4"
    INT4 = "int4"
    INT32 = "int32"

    def __init__(self, spelling: str) -> None:
        self.bits = _BITS[spelling]

    @classmethod
    def _missing_(cls, value: object) -> None:
        """Words for a name that is none; blocks of quantised types are formats, not element types."""
        raise ConfigError(f"unknown element type {shown(value)}. Known: {', '.join(one.value for one in cls)}.")

    def size_bytes(self, num_elements: int) -> int:
        """Bytes of ``num_elements`` packed elements, rounded up once to a whole byte."""
        return -(-num_elements * self.bits // 8)


@dataclass(frozen=True, slots=True)
class Scales:
    """What a matrix stores beside its elements: one entry per block of rows and columns.

    Attributes:
        bits: Of one entry: the scale, and the zero point where there is one.
        rows: Rows of a block; 0: all. Rows of a weight are the axis that a product sums over.
        cols: Columns of a block; 0: all.
        once_bits: Of what the whole matrix has once more.
        row_bits: Of what each row has once more.
    """

    bits: int
    rows: int = 0
    cols: int = 0
    once_bits: int = 0
    row_bits: int = 0

    def __str__(self) -> str:
        rows, cols = (str(extent or "all") for extent in (self.rows, self.cols))
        more = ((self.once_bits, "for all"), (self.row_bits, "per row"))
        further = "".join(f", and {bits} {whose}" for bits, whose in more if bits)
        return f"{self.bits} bits per block of {rows} x {cols} (summed over x given){further}"

    def size_bits(self, rows: int, cols: int) -> int:
        """Bits beside one matrix; blocks at its edges count whole.

        Args:
            rows: Extent of the matrix along the axis that a product sums over, in elements.
            cols: Its extent along the other axis, in elements.

        Returns:
            Bits of all scales beside the matrix, those kept once per tensor included.
        """
        blocks = _blocks(rows, self.rows) * _blocks(cols, self.cols)
        return blocks * self.bits + self.once_bits + rows * self.row_bits


def _blocks(extent: int, block: int) -> int:
    return -(-extent // block) if block else 1


@checked_call('Format.parse("fp8")')
@dataclass(frozen=True, slots=True)
class Format:
    """How numbers are stored: elements of one type, and scales beside them.

    Attributes:
        name: Spelling in YAML and on the command line.
        element: Type of the elements.
        weights: Scales of a weight; None: none.
        inputs: Scales of the left operand of a product, over its last axis; None: none, or one number that is not
            counted.
        quantises_inputs: Whether engines quantise the left operand too, where the machine multiplies in this type.
        source: Where the format is defined.
    """

    name: str
    element: DType
    weights: Scales | None = None
    inputs: Scales | None = None
    quantises_inputs: bool = True
    source: str = ""

    @classmethod
    def plain(cls, dtype: DType) -> Format:
        """The type alone, without scales."""
        return cls(dtype.value, dtype, source="IEEE 754, or its upper half (bf16)")

    @classmethod
    def parse(cls, text: str) -> Format:
        """Format from ``"bf16"``, ``"mxfp4"``, ``"int4-g64"``; ``-zp`` adds a zero point per group.

        Raises:
            ConfigError: No such format; the known ones are named.
        """
        expect(text, str, "type", "'fp8'")
        name = SHORT_NAMES.get(text, text)
        if name in FORMATS:
            return FORMATS[name]
        if (grouped := _GROUPED.fullmatch(name)) is not None:
            return _grouped(grouped)
        if (blocked := _BLOCKED.fullmatch(name)) is not None:
            return _blocked(blocked)
        raise ConfigError(
            f"unknown type {text!r}. Known: {', '.join((*FORMATS, *SHORT_NAMES))}, "
            "int4-gN or int8-gN with groups of N elements (int4-g64; int4-g64-zp with zero points, -idx with the group "
            "of each row), and fp8-bRxC with blocks of R rows and C columns (fp8-b64x64-e8m0 with 8-bit scales)."
        )

    @property
    def bits_per_element(self) -> float:
        """Bits of one element of a large weight, its share of the scales included."""
        side = 1 << 20
        scales = self.weights.size_bits(side, side) if self.weights is not None else 0
        return self.element.bits + scales / side**2

    def explain(self) -> dict[str, str]:
        """What the format is, for people, by heading."""
        inputs = "quantised too, where the chip multiplies in it" if self.quantises_inputs else "left in 16 bit"
        plain = self.element.bits >= DType.BF16.bits
        return {
            "type": self.name,
            "element": f"{self.element.value}, {self.element.bits} bits",
            "bits": f"{self.bits_per_element:.4g} per weight with its scales",
            "scales": "none" if self.weights is None else str(self.weights),
            "inputs": "in the same type" if plain else f"what weights are multiplied by is {inputs}",
            "source": self.source,
        }

    def __str__(self) -> str:
        return self.name


_GROUPED = re.compile(r"(?P<element>int4|int8)-(?:g(?P<group>[1-9]\d{0,8})|channel)(?P<zero>-zp)?(?P<index>-idx)?")
_BLOCKED = re.compile(r"fp8-b(?P<rows>[1-9]\d{0,8})x(?P<cols>[1-9]\d{0,8})(?P<short>-e8m0)?")
_SCALE_BITS = 16


def _grouped(found: re.Match[str]) -> Format:
    """Integer weights with a 16-bit scale per group of rows of a column; inputs stay wide.

    A group may have a zero point, a row the number of its group (32 bits).
    """
    element = DType(found["element"])
    bits = _SCALE_BITS + (element.bits if found["zero"] else 0)
    scales = Scales(bits, rows=int(found["group"] or 0), cols=1, row_bits=DType.INT32.bits if found["index"] else 0)
    return Format(found[0], element, scales, None, quantises_inputs=False, source=_GROUP_SOURCE)


def _blocked(found: re.Match[str]) -> Format:
    """8-bit floats with a scale per block, an fp32 one or an exponent; inputs have one per row and block."""
    bits, rows, cols = 8 if found["short"] else 32, int(found["rows"]), int(found["cols"])
    return Format(found[0], DType.FP8, Scales(bits, rows, cols), Scales(bits, 1, rows), source=_BLOCKS)


_GROUP_SOURCE = "Frantar et al., GPTQ, 2022; Lin et al., AWQ, 2023 (-zp: zero points)"
_FP8 = "Micikevicius et al., FP8 Formats for Deep Learning, 2022"
_MX = "OCP Microscaling Formats (MX) Specification v1.0, 2023"
_BFP = "tenstorrent/tt-isa-documentation@3930471: an 8-bit exponent per 16 elements"
_NVFP4 = "NVIDIA, Introducing NVFP4, 2025: groups of 16, an fp8 scale each, one fp32 scale per tensor"
_BLOCKS = "DeepSeek-AI, DeepSeek-V3 Technical Report, 2024, section 3.3"
_NF4 = "Dettmers et al., QLoRA, 2023: blocks of 64 weights"
_INT8 = "Xiao et al., SmoothQuant, 2022"

#: Every format of a fixed name.
FORMATS: Mapping[str, Format] = {
    format_.name: format_
    for format_ in (
        *(Format.plain(dtype) for dtype in (DType.FP32, DType.TF32, DType.BF16, DType.FP16)),
        Format("fp8", DType.FP8, Scales(32), None, source=f"{_FP8}; one fp32 scale per matrix"),
        Format("fp8-channel", DType.FP8, Scales(32, cols=1), Scales(32, rows=1), source=f"{_FP8}; an fp32 scale a row"),
        Format("fp8-block", DType.FP8, Scales(32, 128, 128), Scales(32, 1, 128), source=_BLOCKS),
        Format("int8", DType.INT8, Scales(32, cols=1), Scales(32, rows=1), source=_INT8),
        Format("int4-channel", DType.INT4, Scales(16, cols=1), None, quantises_inputs=False, source=_GROUP_SOURCE),
        Format("nf4", DType.FP4, Scales(32, 64, 1), None, quantises_inputs=False, source=f"{_NF4}, an fp32 scale each"),
        Format(
            "nf4-dq", DType.FP4, Scales(8, 64, 1, 32), None, quantises_inputs=False, source=f"{_NF4}, scales of 8 bits"
        ),
        Format("mxfp8", DType.FP8, Scales(8, 32, 1), Scales(8, 1, 32), source=_MX),
        Format("mxfp4", DType.FP4, Scales(8, 32, 1), Scales(8, 1, 32), quantises_inputs=False, source=_MX),
        Format("bfp8", DType.FP8, Scales(8, 16, 1), Scales(8, 1, 16), source=_BFP),
        Format("bfp4", DType.FP4, Scales(8, 16, 1), Scales(8, 1, 16), quantises_inputs=False, source=_BFP),
        Format("nvfp4", DType.FP4, Scales(8, 16, 1, 32), Scales(8, 1, 16), source=_NVFP4),
    )
}
#: Names of types that are stored with scales only: the commonest format of each.
SHORT_NAMES: Mapping[str, str] = {"int4": "int4-g128", "fp4": "nvfp4"}
