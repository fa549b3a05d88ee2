"""Files of other tools are told by their keys, not by a list of keys that they lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.system import load_system

NETWORK = {"topology": "[Ring]", "npus_count": "[4]", "bandwidth": "[50.0]", "latency": "[500.0]"}


def test_a_network_of_astra_sim_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "network.yml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in NETWORK.items()))
    with pytest.raises(ConfigError, match=r"network\.yml:1: is a network of ASTRA-sim, not a system.*one level per"):
        load_system(str(path))


def test_a_system_that_lacks_a_key_is_told_which(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("kind: system\nlevels: {}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml:1: chip: missing"):
        load_system(str(path))
