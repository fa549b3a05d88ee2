"""Quantities in and out: exact values, distinct prefixes, and errors that say what to write."""

from __future__ import annotations

import pytest

from accelsim.errors import ConfigError, UnitError
from accelsim.units import (
    dimension_names,
    format_quantity,
    parse_count,
    parse_quantity,
    repr_quantity,
)


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("3.35 TB/s", "bytes_per_s", 3.35e12),
        ("900 GB/s", "bytes_per_s", 9e11),
        ("400 Gb/s", "bytes_per_s", 5e10),  # 400e9 bits / 8
        ("400 Gbit/s", "bytes_per_s", 5e10),
        ("1 GiB/s", "bytes_per_s", 2.0**30),
        ("80 GiB", "bytes", 80 * 2**30),
        ("80 GB", "bytes", 80e9),
        ("64 KB", "bytes", 64000),
        ("64 kB", "bytes", 64000),
        ("64 KiB", "bytes", 65536),
        ("64MiB", "bytes", 64 * 2**20),
        ("8 b", "bytes", 1),
        ("1_000 B", "bytes", 1000),
        ("5 pJ/bit", "joule_per_byte", 40e-12),  # 8 bits to the byte
        ("5 pJ/B", "joule_per_byte", 5e-12),
        ("0.5 pJ/FLOP", "joule_per_flop", 0.5e-12),
        ("1 pJ/MAC", "joule_per_flop", 0.5e-12),  # one multiply-accumulate is two flops
        ("1.1 GHz", "hz", 1.1e9),
        ("5 us", "time", 5e-6),
        ("5 \u00b5s", "time", 5e-6),  # micro sign
        ("5 \u03bcs", "time", 5e-6),  # Greek mu
        ("2 min", "time", 120.0),
        ("312 TFLOP/s", "flops_per_s", 312e12),
        ("624 TOP/s", "flops_per_s", 624e12),
        ("15 kW", "watt", 15e3),
        ("5 pJ", "joule", 5e-12),
        ("50 um", "length", 50e-6),
        ("85%", "ratio", 0.85),
        ("85 %", "ratio", 0.85),
        ("0.85", "ratio", 0.85),
        ("4Ki", "count", 4096),
        (".5e1 s", "time", 5.0),
        ("-5 s", "time", -5.0),
        ("  1 s  ", "time", 1.0),
    ],
)
def test_text_becomes_the_nearest_float_in_si(text: str, dimension: str, expected: float) -> None:
    assert parse_quantity(text, dimension) == expected


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        ("900", "bytes_per_s", "'900' has no unit. Write e.g. '900 GB/s'."),
        ("2e12", "bytes_per_s", "'2e12' has no unit. Write e.g. '2 TB/s'."),
        ("5 us", "bytes_per_s", "'5 us' is a time; expected a bandwidth such as '900 GB/s'."),
        ("80 GB", "bytes_per_s", "'80 GB' is a size; expected a bandwidth such as '900 GB/s'."),
        ("5 pJ/bit", "joule_per_flop", "'5 pJ/bit' is an energy per data moved; expected an energy per operation"),
        ("312 TFLOPS", "flops_per_s", "unknown unit 'TFLOPS'; expected a compute rate such as '312 TFLOP/s'"),
        ("312 TFLOPS", "flops_per_s", "Did you mean 'TFLOP/s'?"),
        ("10 Gbps", "bytes_per_s", "Did you mean 'Gb/s'?"),
        ("10 gb/s", "bytes_per_s", "Did you mean 'GB/s'?"),
        ("10 seconds", "time", "Did you mean 's'?"),
        ("128 B/cycle", "bytes_per_s", "per cycle, which needs a clock"),
        ("fast", "bytes_per_s", "'fast' does not start with a number. Write e.g. '900 GB/s'."),
        ("", "time", "does not start with a number"),
        ("nan s", "time", "'nan s' is not a finite number"),
        ("-inf s", "time", "'-inf s' is not a finite number"),
        ("1e308 TB", "bytes", "too large"),
        ("1e999999999999 s", "time", "out of range"),
        ("1" * 200 + " s", "time", "too long"),
        ("1 s", "speed", "unknown dimension 'speed'. Known: time, bytes"),
    ],
)
def test_bad_text_says_what_is_wrong_and_what_to_write(text: str, dimension: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(text, dimension)
    assert message in str(caught.value)
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize(
    ("value", "dimension", "shown"),
    [
        (0.0, "bytes", "0 B"),
        (3.35e12, "bytes_per_s", "3.35 TB/s"),
        (80 * 2**30, "bytes", "80 GiB"),
        (64000, "bytes", "64 kB"),
        (1040, "bytes", "1.04 kB"),  # no whole KiB
        (0.00099999999, "time", "1 ms"),  # rounds up across the unit, not to "1000 us"
        (0.0012345678, "time", "1.235 ms"),
        (-5e-6, "time", "-5 us"),
        (4e-11, "joule_per_byte", "40 pJ/B"),
        (123456789, "count", "123456789"),
        (0.4, "ratio", "0.4"),
        (float("inf"), "time", "inf"),
    ],
)
def test_values_are_shown_in_the_unit_people_use(value: float, dimension: str, shown: str) -> None:
    assert format_quantity(value, dimension) == shown


def test_digits_set_the_rounding() -> None:
    assert format_quantity(1 / 3, "time", digits=2) == "330 ms"


@pytest.mark.parametrize(("value", "text"), [(1.1e9, "1.1 GHz"), (1e9 / 3, "333.3333333333333 MHz")])
def test_exact_text_is_the_shortest_that_parses_back(value: float, text: str) -> None:
    assert repr_quantity(value, "hz") == text


def test_a_value_that_is_not_finite_has_no_exact_text() -> None:
    with pytest.raises(UnitError, match="not a finite number"):
        repr_quantity(float("nan"), "time")


def test_counts_take_prefixes_and_refuse_fractions() -> None:
    assert [parse_count(text) for text in ("4096", "64Ki", "2k", "1.5M")] == [4096, 65536, 2000, 1_500_000]
    for text in ("1.5", "4 GB", "x"):
        with pytest.raises(UnitError):
            parse_count(text)


@pytest.mark.parametrize("dimension", dimension_names())
def test_the_example_of_each_dimension_parses(dimension: str) -> None:
    from accelsim.units import dimension_example

    assert parse_quantity(dimension_example(dimension), dimension) > 0
