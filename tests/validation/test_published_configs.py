"""Public configs, unchanged: accepted with the right counts, or refused with every reason.

``python tests/validation/test_published_configs.py`` prints a table: file, accepted or reasons, errors of the counts.
"""

from __future__ import annotations

import pytest
from published_configs import Row, read_rows

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.workload.counts import Counts, counts_of
from accelsim.workload.formats.hf import load_model

ROWS = read_rows()
#: Largest relative errors: of parameters (the table rounds them), and of bytes as stored.
PARAMETERS, STORED = 1e-3, 1e-2


def counts(row: Row) -> Counts:
    return counts_of(load_model(row.path), DType.BF16)


def errors(row: Row, found: Counts) -> dict[str, float]:
    """Relative error of each count that the table states and that is not zero."""
    pairs = {
        "total": (found.total_params, row.total),
        "active": (found.active_params, row.active),
        "prediction layers": (found.mtp_params, row.mtp),
        "cache per token": (found.kv_bytes_per_token, row.kv_bytes),
        "cache beyond windows": (found.kv_bytes_per_token_beyond_window, row.kv_bytes_beyond),
        "stored bytes": (found.weight_bytes, row.weight_bytes),
    }
    return {name: (ours or 0) / right - 1 for name, (ours, right) in pairs.items() if right}


@pytest.mark.parametrize("row", [row for row in ROWS if not row.reasons], ids=lambda row: row.name)
def test_what_needs_no_new_block_is_accepted_with_its_counts(row: Row) -> None:
    found = counts(row)
    off = errors(row, found)
    for name in ("total", "active", "prediction layers"):
        assert abs(off.get(name, 0.0)) < PARAMETERS, name
    assert off.get("cache per token", 0.0) == off.get("cache beyond windows", 0.0) == 0.0
    assert abs(off.get("stored bytes", 0.0)) < STORED
    if row.kv_bytes_beyond == 0:
        assert found.kv_bytes_per_token_beyond_window == 0
    assert load_model(row.path).has_lm_head is row.has_head


@pytest.mark.parametrize("row", [row for row in ROWS if row.reasons], ids=lambda row: row.name)
def test_the_others_are_refused_with_every_reason(row: Row) -> None:
    with pytest.raises(ConfigError) as caught:
        load_model(row.path)
    *reasons, family = str(caught.value).splitlines()
    assert "model_type: family" in family
    assert all(any(reason in line for line in reasons) for reason in row.reasons)
    modelled = ("latent attention", "mixture of experts is", "multi-token")
    assert not any(word in line for word in modelled for line in reasons)


def test_a_cut_file_has_no_more_warnings_than_it_has_causes() -> None:
    """Full dumps with all keys of generation are as quiet as short files."""
    for row in ROWS:
        if not row.reasons:
            found = load_model(row.path).warnings
            assert not any(warning.startswith("unknown-key") for warning in found), (row.name, found)


if __name__ == "__main__":
    for one in ROWS:
        try:
            off = errors(one, counts(one))
        except ConfigError as error:
            print(
                f"{one.name:45} refused: {'; '.join(line.split(': ', 2)[-1] for line in str(error).splitlines()[1:])}"
            )
        else:
            print(f"{one.name:45} accepted: {', '.join(f'{name} {value:+.3%}' for name, value in off.items())}")
