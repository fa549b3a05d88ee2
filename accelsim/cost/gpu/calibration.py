"""The calibration block of a GPU: parameters by kernel family and element type, and where they were measured."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

from accelsim.cost.gpu.attention import PrefillParameters
from accelsim.cost.gpu.attention_backward import TrainingParameters
from accelsim.cost.gpu.decode import DecodeParameters
from accelsim.cost.gpu.gemm import GemmParameters
from accelsim.cost.gpu.moe import MoeParameters
from accelsim.cost.gpu.rowwise import RowwiseParameters
from accelsim.cost.residual import LIBRARY_DEVIATION, Residual, residual_of
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.warning import warn

ParametersT = TypeVar("ParametersT")

#: Element types the 16-bit section ``gemm`` stands for.
_HALF_TYPES = (DType.BF16, DType.FP16)
#: Types of one width, whose kernels differ in the instruction only; vector fp32 is no stand-in for tf32.
_SAME_WIDTH = {DType.INT8: ("fp8",), DType.FP8: ("int8",)}

#: Used, with a warning, where a chip has no calibration: rounded middle values of the calibrated data-centre GPUs.
TYPICAL_GEMM = GemmParameters(1.7e-6, 1e-6, 100e-9, 0.85, 0.83, 1.3, 2.8e-6, 0.65)
TYPICAL_PREFILL = PrefillParameters(4.5e-6, 3e-6, 0.75, 2.5e-11, 0.8, 3e-6)
TYPICAL_TRAINING = TrainingParameters(5e-6, 2.5e-6, 0.7, 2.3e-11, 0.7, 8.5e-11, 0.85, "flash2")
#: Libraries of the attention of training, the newest first.
TRAINING_LIBRARIES = ("flash3", "flash2")
TYPICAL_DECODE = DecodeParameters(3.6e-6, 2.5e-6, 5e-7, 30e9, 0.85, 2e-6)
TYPICAL_MOE = MoeParameters(30e-6, 1.5e-6, 100e-9, 0.6, 0.9, 1.2, 0.5, library="triton")
TYPICAL_ROWS = {
    "rowwise": RowwiseParameters(1.3e-6, 1.8e-6, 0.8, 11e9, 10e9),
    "reduction": RowwiseParameters(1.3e-6, 5e-6, 0.85, 25e9, 12e9),
    "elementwise": RowwiseParameters(1.3e-6, 1.3e-6, 0.85, 40e9, 20e9),
}


@dataclass(frozen=True, slots=True)
class CalibratedRange:
    """Where a section's data lie: least and largest value per dimension, and how well the fit does there.

    Attributes:
        points: Measured rows.
        mape: Mean absolute relative error of the fit, cross-validated by shape.
        p90: 90th percentile of the absolute relative error.
        data: The measurements' source.
        inherited: The chip whose numbers stand in because this one was not measured; blank for its own.
        m: Range of GEMM rows; likewise the other dimensions.
        n: See ``m``.
        k: See ``m``.
        rows: Rows of row-wise operators.
        width: Width of a row.
        batch: Sequences of attention.
        head_dim: Elements of a head.
        kv_len: Keys of a sequence.
    """

    points: int = 0
    mape: float = 0.0
    p90: float = 0.0
    data: str = ""
    inherited: str = ""
    m: tuple[int, ...] = ()
    n: tuple[int, ...] = ()
    k: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    width: tuple[int, ...] = ()
    batch: tuple[int, ...] = ()
    head_dim: tuple[int, ...] = ()
    kv_len: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuCalibration:
    """Reads the sections of one chip's calibration block.

    Sections: ``gemm`` (bf16 and fp16), ``gemm_<dtype>``, ``attention_prefill``, ``attention_decode``, ``moe``,
    ``moe_cutlass`` (where the library of ``moe`` does not know the activation);
    ``rowwise`` (kernels of inference libraries with one block per row: rmsnorm, rope, gated activations), ``reduction``
    (a framework's layernorm and softmax), ``elementwise`` (a framework's additions and activations, lookups); each with
    an optional ``<section>_range``.
    """

    chip: Chip

    @classmethod
    def of(cls, chip: Chip) -> GpuCalibration:
        """The calibration of ``chip``."""
        return cls(chip)

    def gemm(self, dtype: DType) -> tuple[GemmParameters, tuple[str, ...]]:
        """Parameters of GEMMs of ``dtype``: of its section, or of the nearest type's with a warning.

        bf16 and fp16 run the same kernels at the same rate and share a section.
        """
        section = self.gemm_section(dtype)
        parameters, warnings = self._read(section, GemmParameters, TYPICAL_GEMM)
        if dtype in _HALF_TYPES or section == f"gemm_{dtype.value}":
            return parameters, warnings
        stand_in = section.removeprefix("gemm_") if section != "gemm" else "16-bit"
        text = f"{self.chip.name}: no calibration of {dtype.value} gemm; efficiencies of {stand_in} gemm used"
        return parameters, (*warnings, warn("dtype-uncalibrated", text))

    def gemm_section(self, dtype: DType) -> str:
        """The section that prices GEMMs of ``dtype``: its own, that of its width, or that of 16-bit types."""
        if dtype in _HALF_TYPES:
            return "gemm"
        nearest = (f"gemm_{name}" for name in (dtype.value, *_SAME_WIDTH.get(dtype, ())))
        return next((section for section in nearest if section in self.chip.calibration), "gemm")

    def residual(self, section: str, outside: tuple[str, ...]) -> Residual:
        """How far times of ``section`` may be off, given the warnings of extents outside its range."""
        inherited = bool(self._limits(section).inherited)
        return residual_of(self.chip, section, is_outside=bool(outside), inherited=inherited, further=LIBRARY_DEVIATION)

    def prefill(self) -> tuple[PrefillParameters, tuple[str, ...]]:
        """Parameters of attention with many queries."""
        return self._read("attention_prefill", PrefillParameters, TYPICAL_PREFILL)

    def decode(self) -> tuple[DecodeParameters, tuple[str, ...]]:
        """Parameters of attention with one query."""
        return self._read("attention_decode", DecodeParameters, TYPICAL_DECODE)

    def training(self, library: str = "") -> tuple[TrainingParameters, tuple[str, ...]]:
        """Parameters of the attention of training by ``library``; by default the newest that is calibrated."""
        known = [name for name in TRAINING_LIBRARIES if f"attention_{name}" in self.chip.calibration]
        name = library or (known[0] if known else TYPICAL_TRAINING.library)
        return self._read(f"attention_{name}", TrainingParameters, replace(TYPICAL_TRAINING, library=name))

    def moe(self, section: str = "moe") -> tuple[MoeParameters, tuple[str, ...]]:
        """Parameters of fused mixture-of-experts layers; those of ``moe`` where there are none of ``section``."""
        return self._read(section if section in self.chip.calibration else "moe", MoeParameters, TYPICAL_MOE)

    def moe_section(self, function: str) -> str:
        """The section of the library that runs experts with this activation."""
        known = self.moe()[0].kernels.functions
        takes_other = bool(known) and function not in known and "moe_cutlass" in self.chip.calibration
        return "moe_cutlass" if takes_other else "moe"

    def rows(self, section: str) -> tuple[RowwiseParameters, tuple[str, ...]]:
        """Parameters of the row-wise kernels of ``section``."""
        return self._read(section, RowwiseParameters, TYPICAL_ROWS[section])

    def outside(self, section: str, **extents: int) -> tuple[str, ...]:
        """One warning per extent that lies outside the section's measured range."""
        limits = self._limits(section)
        known = {field.name: getattr(limits, field.name) for field in fields(limits)}
        return tuple(
            warn(
                "outside-calibration",
                f"{self.chip.name}: {section} {key}={extent} lies outside the calibrated range "
                f"{known[key][0]} to {known[key][1]}",
            )
            for key, extent in extents.items()
            if len(known.get(key, ())) == 2 and not known[key][0] <= extent <= known[key][1]
        )

    def _read(
        self, section: str, parameters: type[ParametersT], typical: ParametersT
    ) -> tuple[ParametersT, tuple[str, ...]]:
        if section in self.chip.calibration:
            return self.chip.calibrated(section, parameters), self._inherited(section)
        text = f"{self.chip.name}: no calibration of {section}; typical efficiencies of GPUs used"
        return typical, (warn("typical-calibration", text),)

    def _limits(self, section: str) -> CalibratedRange:
        name = f"{section}_range"
        if name not in self.chip.calibration:
            return CalibratedRange()
        return self.chip.calibrated(name, CalibratedRange)

    def is_measured(self, section: str) -> bool:
        """Whether the section's numbers were fitted to measurements of this very chip."""
        return section in self.chip.calibration and not self._inherited(section)

    def _inherited(self, section: str) -> tuple[str, ...]:
        """A warning where the section's numbers are those of another chip."""
        if whole := self.chip.inherited(section):
            return whole
        other = self._limits(section).inherited
        text = f"{self.chip.name}: {section} was not measured; calibration of {other} used"
        return (warn("inherited-calibration", text),) if other else ()
