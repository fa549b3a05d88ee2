"""Names, ids and keys that are nearly right; multiples of a present value; variants of a chip."""

import json

import pytest

from accelsim import load_model
from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.registry import known_names, ranked_names
from accelsim.workload.formats._ids import IDS


def test_near_names_come_first_and_the_rest_is_counted():
    names = [*Catalog().names("systems"), *Catalog().names("chips")]
    nearest = ranked_names("h100", names)
    holding = [name for name in nearest if "h100" in name]
    assert len(holding) >= 4 and holding == nearest[: len(holding)]
    text = known_names("h100", names, "accelsim show systems")
    assert text.startswith(f"Known: {', '.join(nearest[:4])}, ")
    assert text.endswith(f" and {len(names) - 8} more (accelsim show systems).")
    assert known_names("x", ["b", "a"]) == "Known: b, a."


def test_words_of_a_name_may_be_apart():
    assert ranked_names("llama-70b", ["llama3-8b", "gpt2-xl", "llama3-70b"])[0] == "llama3-70b"


@pytest.mark.parametrize("asked", ["meta-llama/Meta-Llama-3-70B", "META-LLAMA/meta-llama-3-70b-instruct"])
def test_an_id_at_hugging_face_is_the_shipped_model(asked):
    assert load_model(asked) is load_model("llama3-70b")


def test_every_id_is_listed_once():
    catalog = Catalog()
    ids = [
        one.text.lower()
        for name in catalog.names("models")
        for one in load_document(catalog.find("models", name)).root.children.get(IDS, _NONE).children.values()
    ]
    assert len(ids) == len(set(ids)) > 20


_NONE = load_document(Catalog().find("models", "llama3-8b")).root.children["name"]


def test_an_unknown_id_says_how_it_can_be_run():
    with pytest.raises(ConfigError, match=r"no shipped model has this id.*Did you mean 'llama3-70b'\?"):
        load_model("meta-llama/Llama-3.1-70B")
    with pytest.raises(ConfigError, match="no such file"):
        load_model("folder/config.json")


def test_a_key_of_words_leads_to_the_path_of_those_words():
    with pytest.raises(ConfigError, match=r"Did you mean 'chip\.memories\.hbm\.bandwidth'\?"):
        load_chip("nvidia-h100-sxm", [("chip.hbm_bandwidth", "3 TB/s")])
    with pytest.raises(ConfigError, match="Did you mean 'tdp'"):
        load_chip("nvidia-h100-sxm", [("chip.tpd", "300 W")])


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("chip.memories.hbm.bandwidth", "2x", 6.7e12),
        ("chip.memories.hbm.bandwidth", "0.5 x", 1.675e12),
        ("chip.clock", "1x", load_chip("nvidia-h100-sxm").clock_hz),
    ],
)
def test_a_multiple_is_of_the_present_value(path, text, expected):
    chip = load_chip("nvidia-h100-sxm", [(path, text)])
    found = chip.clock_hz if path == "chip.clock" else chip.memories["hbm"].bandwidth_bytes_per_s
    assert found == pytest.approx(expected, rel=1e-12)


def test_multiples_multiply_one_after_another_and_whole_numbers_stay_whole():
    twice = [("chip.tdp", "2x"), ("chip.tdp", "3x")]
    assert load_chip("nvidia-h100-sxm", twice).tdp_w == 6 * load_chip("nvidia-h100-sxm").tdp_w


def test_what_is_no_number_has_no_multiple(accelsim):
    done = accelsim("run", "llama3-8b", "--on", "nvidia-h100-sxm", "--set", "chip.core_grid=2x")
    assert (done.code, done.out) == (2, "")
    assert "--set chip.core_grid=2x: the present value '[1, 132]' is no number to multiply" in done.err
    with pytest.raises(ConfigError, match="there is no present value to multiply"):
        load_chip("nvidia-h100-sxm", [("chip.memories.hbm.colour", "2x")])


def test_a_multiple_of_a_model_is_in_the_manifest(accelsim):
    run = ("run", "gpt2-xl", "--on", "nvidia-h100-sxm", "--prompt", "64", "--set", "model.num_hidden_layers=2x")
    result = json.loads(accelsim(*run, "--json", "-").out)
    assert result["manifest"]["overrides"] == {"model.num_hidden_layers": "2x"}
    assert next(row["count"] for row in result["operators"] if row["operator"] == "attn.qkv") == 96


VARIANT = "schema_version: 1\nkind: chip\nname: variant\nextends: sram-array\n"


def test_checks_of_a_parent_follow_what_a_variant_changes(tmp_path):
    file = tmp_path / "variant.yaml"
    file.write_text(VARIANT + "clock: 2 GHz\n")
    chip = load_chip(str(file))
    assert chip.clock_hz == 2e9
    assert chip.checks is not None
    assert not chip.checks.peak_flops
    assert chip.checks.sram_total_bytes  # of the SRAM, which is the parent's


def test_a_check_that_a_variant_states_holds(tmp_path):
    file = tmp_path / "variant.yaml"
    file.write_text(VARIANT + "clock: 2 GHz\nchecks: {peak_flops: {bf16: 1 PFLOP/s}}\n")
    with pytest.raises(ConfigError, match=r"variant\.yaml:6: checks\.peak_flops\.bf16: the structure gives"):
        load_chip(str(file))
    file.write_text(VARIANT + "tdp: 3 kW\nclock: 1 GHz\nchecks: {peak_flops: {bf16: 1.05 PFLOP/s}}\n")
    assert load_chip(str(file)).checks.peak_flops


def test_lists_of_a_model_can_be_overridden(accelsim):
    run = ("run", "mixtral-8x7b", "--on", "nvidia-dgx-h100", "--plan", "tp=8", "--prompt", "64")
    done = accelsim(*run, "--set", "model.mlp_only_layers=[0]", "--json", "-")
    assert done.code == 0
    assert any(row["operator"] == "mlp.gate_up" for row in json.loads(done.out)["operators"])
