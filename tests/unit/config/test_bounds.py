"""Every number of a description has a range, and both ends of it are where the description says."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import accelsim
from accelsim.config.bounds import MAX_LAYERS, QUANTITY_RANGES, range_problem, read_quantity, read_whole
from accelsim.config.quantity import Quantity
from accelsim.config.schema import Spec
from accelsim.config.walk import all_metadata, element_types, options
from accelsim.errors import UnitError
from accelsim.hardware.optical.decibel import Logarithmic
from accelsim.units import dimension_names


def specs(base: type[BaseModel] = Spec) -> Iterator[type[BaseModel]]:
    for found in base.__subclasses__():
        yield found
        yield from specs(found)


def holds_numbers(annotation: Any) -> bool:
    return any(
        option in (int, float) or any(map(holds_numbers, element_types(option))) for option in options(annotation)
    )


def is_bounded(info: FieldInfo) -> bool:
    return any(
        isinstance(item, Quantity | Logarithmic) or getattr(item, "le", None) is not None for item in all_metadata(info)
    )


def test_every_number_of_every_description_has_a_largest_value() -> None:
    for module in pkgutil.walk_packages(accelsim.__path__, "accelsim."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {
        f"{spec.__name__}.{name}"
        for spec in specs()
        if spec.__module__.startswith("accelsim.")
        for name, info in spec.model_fields.items()
        if holds_numbers(info.annotation) and not is_bounded(info)
    }
    assert found == set()


def test_every_dimension_has_a_range() -> None:
    assert set(QUANTITY_RANGES) == set(dimension_names())


@pytest.mark.parametrize("dimension", dimension_names())
def test_quantities_are_in_range_at_both_ends_and_at_0_and_out_of_it_beyond(dimension: str) -> None:
    least, most = QUANTITY_RANGES[dimension]
    assert not any(range_problem(value, dimension) for value in (0.0, least, most))
    assert range_problem(math.nextafter(most, math.inf), dimension)
    assert range_problem(math.inf, dimension)
    if least:
        assert range_problem(math.nextafter(least, 0.0), dimension)


def test_a_quantity_out_of_range_says_the_range() -> None:
    assert read_quantity("1 B/s", "bytes_per_s") == 1.0
    with pytest.raises(UnitError, match=r"'0\.9 B/s' is out of range; expected a bandwidth from 1 B/s to"):
        read_quantity("0.9 B/s", "bytes_per_s")
    with pytest.raises(UnitError, match="is negative"):
        read_quantity("-1 B/s", "bytes_per_s")


def test_whole_numbers_have_at_most_18_digits() -> None:
    assert read_whole("9" * 18) == 10**18 - 1
    assert read_whole("-7") == -7
    assert [read_whole(text) for text in ("9" * 19, "9" * 6000, "", "-", "1.5", "\u0665")] == [None] * 6
    assert MAX_LAYERS == 10_000
