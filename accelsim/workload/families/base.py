"""What a family of Hugging Face configs is: how a ``config.json`` becomes the fields of a model.

A config leaves much to the class that reads it: whether norms have biases, whether the MLP is gated, what a missing key
means.  A family states that once, after the ``transformers`` classes that its docstring names.  It is found by itself,
here or in an outside package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from accelsim.registry import Registry
from accelsim.workload.features.base import Feature

Config = Mapping[str, Any]
Fields = dict[str, Any]
Values = Mapping[str, Any]

#: One key says whether attention has biases, in front and behind.
ONE_BIAS: Mapping[str, str] = {"attention_output_bias": "attention_bias"}


class Family:
    """How a config of one family becomes the fields of a model; a member is a class that says what is its own.

    Attributes:
        features: What its models have beside what all have: their keys are read.
        renames: Key of the config -> field of the model, for keys that are not named like the field.
        defaults: Fields whose key may be missing.
        structure: Fields no key states.
        follows: Field -> another one whose value it has.
        switches: Keys read by ``finish``, with the type of their value.
        origins: Field set by ``finish`` -> key to name when it is wrong.
        supports: Keys that announce a feature and that this family reads, or that change nothing in it.
        with_head: Architectures that have a language-model head though their name says otherwise.
        notes: Key -> what its value leaves out of the model: a named warning.
        leaves_out: What all its models have and the simulator has not: a named warning each.
    """

    features: ClassVar[tuple[type[Feature], ...]] = ()
    renames: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Values] = {}
    structure: ClassVar[Values] = {}
    follows: ClassVar[Mapping[str, str]] = {}
    switches: ClassVar[Mapping[str, type]] = {}
    origins: ClassVar[Mapping[str, str]] = {}
    supports: ClassVar[frozenset[str]] = frozenset()
    with_head: ClassVar[frozenset[str]] = frozenset()
    notes: ClassVar[Mapping[str, str]] = {}
    leaves_out: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def finish(cls, config: Config, fields: Fields) -> None:
        """Set the fields that follow from several keys; the types of the switches may be trusted.

        Args:
            config: Keys of the file, without nulls but for windows.
            fields: Of the model, as far as keys, defaults and structure say; changed.

        Raises:
            ConfigError: They say what is not modelled.
        """


#: ``model_type`` -> family; a new family is one file in ``families/`` with this decorator.
FAMILIES: Registry[type[Family]] = Registry("model family", "accelsim.workload.families")
register_family = FAMILIES.register
