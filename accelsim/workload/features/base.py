"""What a feature of a model is: fields with defaults and checks, and the keys of configs that state them.

The features in this folder are bases of :class:`~accelsim.workload.description.Description`, so that their fields are
keys of a model.  One that an outside package brings is registered, and a model states its fields under
``features: {NAME: {...}}``.  The function that builds a feature's operators lies beside its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationError, model_validator

from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.registry import Registry


class Feature(Spec):
    """Fields of one feature.  ``fill`` and ``check`` end with the call of ``super()``, so that features combine."""

    #: Fields whose default follows from others; null means that they are not stated.
    derived: ClassVar[tuple[str, ...]] = ()
    #: Keys of a Hugging Face ``config.json`` that hold the field of the same name, where a family has the feature.
    config_keys: ClassVar[tuple[str, ...]] = ()
    #: Key of a config that announces the feature -> its name in the error of a family that does not have it.
    announced_by: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def fill(cls, data: dict[str, Any]) -> None:
        """Set the defaults that follow from other fields, so that every reader sees plain values.

        Raises:
            ValueError: They do not follow; says what to state.
        """

    def check(self) -> None:
        """Refuse values that do not go together.

        Raises:
            ValueError: They do not.
        """

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        derived = inherited(cls, "derived")
        data = {key: value for key, value in data.items() if value is not None or key not in derived}
        data = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        cls.fill(data)
        # what comes from a file is checked as Python values here, where a list is no tuple
        return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check()
        return self


def inherited(feature: type[Feature], name: str) -> tuple[str, ...]:
    """What all classes of a feature list under ``name``, each once.

    Args:
        feature: The class.
        name: Of the attribute.
    """
    return tuple(dict.fromkeys(item for base in feature.__mro__ for item in vars(base).get(name, ())))


#: Name -> feature that a package brings; a member is a file with this decorator.
FEATURES: Registry[type[Feature]] = Registry("feature", "accelsim.workload.features")
register_feature = FEATURES.register


def read_features(value: Any) -> Any:
    """Features by name from plain data or from features, as pairs.

    Raises:
        ValueError: Unknown name, or a field that it lacks or that is impossible.
    """
    pairs = value.items() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | tuple | list) or any(not isinstance(pair, tuple | list) for pair in pairs):
        raise ValueError("expected features by name.")
    return tuple((str(name), _read_feature(str(name), fields)) for name, fields in pairs)


def _read_feature(name: str, fields: Any) -> Feature:
    try:
        return FEATURES.get(name).model_validate(fields)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    except ValidationError as error:
        found = [(".".join(map(str, (name, *one["loc"]))), one["msg"]) for one in error.errors(include_url=False)]
        raise ValueError("; ".join(f"{path}: {text}" for path, text in found)) from error
