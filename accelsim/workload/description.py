"""What a model is: the fields of all features together, and the layers they make."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, SerializeAsAny, WithJsonSchema

from accelsim.config.bounds import Whole
from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.workload.features.base import Feature, read_features
from accelsim.workload.features.ends import Ends
from accelsim.workload.features.experts import ExpertLayers
from accelsim.workload.features.latent import LatentHeads
from accelsim.workload.layer import Layer
from accelsim.workload.stored import Stored, read_dtype
from accelsim.workload.types import Types

F = TypeVar("F", bound=Feature)


class Description(LatentHeads, ExpertLayers, Ends):
    """Shapes and structure of a decoder-only transformer; builders of operators read this."""

    schema_version: Literal[1] = Field(1, description="Version of this file format.")
    kind: Literal["model"] = Field("model", description="What the file describes.")
    name: str = Field("model", description="Name in reports.")
    description: str = Field("", description="Origin, decisions, what is left out.")
    source: str = Field("", description="Where the shapes come from.")
    hf_ids: tuple[str, ...] = Field(
        (), strict=False, description="Ids at Hugging Face of releases with this config.json."
    )
    block: str = Field(
        "dense", description="Member of the block registry that the layers are built from; default: moe with experts."
    )
    attention: str = Field(
        "grouped", description="Member of the attention registry that blocks compute; default: latent with MLA."
    )
    features: Annotated[
        tuple[tuple[str, SerializeAsAny[Feature]], ...],
        BeforeValidator(read_features),
        WithJsonSchema({"type": "object", "additionalProperties": {"type": "object"}}),
    ] = Field((), description="Fields of features that outside packages bring, by name of the feature.")
    torch_dtype: Annotated[DType, BeforeValidator(read_dtype)] = Field(
        DType.BF16, description="Type of the weights, and of what is computed with them; of what stored does not name."
    )
    stored: Stored = Field(Stored(), description="Formats of weights that the release stores in fewer bits.")
    tower_params: Whole | None = Field(
        0, description="Parameters of encoders of images or sound, which are left out; null: not counted."
    )
    warnings: tuple[str, ...] = Field((), description="What an imported config mentions and the model leaves out.")

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """Compressed keys and values mean latent attention."""
        if data.get("kv_lora_rank"):
            data.setdefault("attention", "latent")
        super().fill(data)

    @classmethod
    def announcements(cls) -> dict[str, str]:
        """Keys of configs that announce one of its features -> the feature."""
        return {key: name for base in cls.__mro__ for key, name in vars(base).get("announced_by", {}).items()}

    def feature(self, kind: type[F]) -> F:
        """The fields of a feature that an outside package brings.

        Raises:
            ConfigError: The model states none.
        """
        for _, found in self.features:
            if isinstance(found, kind):
                return found
        raise ConfigError(f"{self.name}: features has no {kind.__name__}. State its fields there.")

    @cached_property
    def layers(self) -> tuple[tuple[Layer, int], ...]:
        """Runs of equal layers in order: the layer and how often it follows itself."""
        wide = self.stored.wide_products
        count = range(self.num_hidden_layers)
        kinds = [(self.is_sparse(i), self.window_of(i), wide.get(i, frozenset())) for i in count]
        sparse, windows = {kind[0] for kind in kinds}, {kind[1] for kind in kinds}
        exceptions = list(dict.fromkeys(kind[2] for kind in kinds if kind[2]))
        differ = any(kind[2] != kinds[0][2] for kind in kinds)

        def layer(is_sparse: bool, window: int | None, wide: frozenset[str]) -> Layer:
            words = ["experts" if is_sparse else "dense"] if len(sparse) > 1 else []
            words += ["global" if window is None else "local"] if len(windows) > 1 else []
            words += [f"wide{exceptions.index(wide) or ''}"] if wide and differ else []
            block = self.block if is_sparse or not self.num_experts else "dense"
            return Layer(".".join(["decoder", *words]), block, window, self.attention, wide)

        return tuple((layer(*kind), len(list(run))) for kind, run in groupby(kinds))

    @property
    def wide(self) -> DType:
        """Type of activations and of all that is not stored in fewer bits: the model's own one, or bf16."""
        return self.torch_dtype if self.torch_dtype.bits >= DType.BF16.bits else DType.BF16

    @property
    def own_types(self) -> Types:
        """Types of a run of the model as it is stored."""
        return self.released.types(self.wide)

    def stored_types(self, wide: DType) -> Types:
        """Types of a run of the model as it is stored; ``wide`` stands for what is not stored in fewer bits."""
        return self.released.types(wide)

    @property
    def released(self) -> Stored:
        """What is stored how; a narrow type of everything is one of the linear layers."""
        if self.wide is self.torch_dtype or self.stored.linear is not None:
            return self.stored
        return self.stored.model_copy(update={"linear": Format.parse(self.torch_dtype.value)})
