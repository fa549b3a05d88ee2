"""Whatever a config.json holds under its keys, loading gives a model or a ConfigError, never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.workload.families.base import FAMILIES
from accelsim.workload.formats.hf import load_model
from accelsim.workload.model import Model

CONFIGS = sorted((Path(__file__).parents[1] / "data" / "hf").glob("*/config.json"))
HOSTILE: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, -1, 3, 10**30, 0.5, 1e300, "", "x", "4096", [], [1], {}, {"a": 1}]
)
EXTRA_KEYS = ("head_dim", "num_key_value_heads", "layer_types", "dtype", "kind", "value")
SWITCHES = sorted({key for _, family in FAMILIES.items() for key in (*family.switches, *family.renames)})


@given(st.data())
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_value_is_a_config_error_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    config = json.loads(data.draw(st.sampled_from(CONFIGS)).read_text())
    for key in data.draw(st.lists(st.sampled_from([*config, *EXTRA_KEYS]), min_size=1, max_size=3)):
        config[key] = data.draw(HOSTILE)
    for key in data.draw(st.lists(st.sampled_from(SWITCHES), max_size=3)):
        config[key] = data.draw(HOSTILE)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    try:
        model = load_model(path)
    except ConfigError as err:
        assert "config.json" in str(err)
    else:
        assert isinstance(model, Model) and model.num_parameters > 0
