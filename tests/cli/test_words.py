"""``show NAME`` as a card, and ``explain`` of every word that a screen prints."""

import json
from pathlib import Path

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.cost.needs import calibration_sections, section_keys
from accelsim.hardware.chip import Chip
from accelsim.results.terms import TERMS

RUNS = {
    "nvidia-h100-sxm": {},
    "nvidia-dgx-h100": {"plan": "tp=2,pp=2,microbatches=2"},
    "google-tpu-v4-pod:4": {"plan": "tp=4"},
    "cerebras-cs2": {"plan": "execution=spatial"},
    "graphcore-pod16": {"plan": "tp=4"},
}


def test_the_json_of_a_model_is_its_counts(accelsim):
    card = json.loads(accelsim("show", "llama3-70b", "--json", "-").out)
    assert card["total_params"] == card["active_params"] == 70_553_706_496
    assert card["weight_bytes"] == 2 * 70_553_706_496
    assert card["weight_bytes_by_type"] == {"bf16": card["weight_bytes"]}
    assert card["kv_bytes_per_token"] == 80 * 2 * 8 * 128 * 2
    assert (card["mtp_params"], card["tower_params"], card["kv_bytes_per_token_beyond_window"]) == (0, 0, None)
    assert card["structure"]["num_key_value_heads"] == 8


def test_the_card_of_a_config_is_that_of_its_folder(accelsim, tmp_path):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "hidden_act": "silu"}
    config |= {"intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 1000}
    config |= {"max_position_embeddings": 512, "torch_dtype": "bfloat16"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    cards = [
        json.loads(accelsim("show", str(path), "--json", "-").out) for path in (tmp_path, tmp_path / "config.json")
    ]
    assert cards[0] == cards[1]
    # two tables of 1000 x 256; 4 projections of 256 x 256 and 3 of 256 x 512 a layer; 2 norms a layer and one more
    assert cards[0]["total_params"] == 2 * 1000 * 256 + 2 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256) + 256


def test_cards_of_machines_have_peaks_memories_links_and_sources(accelsim):
    chip = json.loads(accelsim("show", "nvidia-a100-sxm-80gb", "--json", "-").out)
    assert chip["peak_flops_per_s"]["bf16"] == pytest.approx(312e12, rel=0.01)
    assert chip["memories"]["hbm"]["capacity_bytes"] == 80 * 2**30
    assert sum(chip["sources"].values()) > 10
    assert chip["sources"]["assumed"] == len(chip["assumed"])
    system = json.loads(accelsim("show", "nvidia-dgx-a100:16", "--json", "-").out)
    assert (system["num_chips"], [level["members"] for level in system["levels"]]) == (16, [8, 2])


def test_every_card_fits_80_columns(accelsim):
    for name in ("nvidia-b200-sxm", "google-tpu-v4-pod", "deepseek-v3", "sram-array", "eager"):
        done = accelsim("show", name)
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("systems", "--json", "-"), "--yaml and --json are of one NAME"),
        (("h100",), "Known: nvidia-dgx-h100, "),
        (("schema", "chp"), "Did you mean 'chip'?"),
        (("meta-llama/Llama-9-1B",), "no shipped model has this id"),
    ],
)
def test_what_cannot_be_shown_is_said(accelsim, arguments, message):
    done = accelsim("show", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Words of the screens of runs on a machine of each class."""
    found: set[str] = set()
    for system, options in RUNS.items():
        phase = Prefill(2, 128) if "pp" in str(options) or "spatial" in str(options) else Decode(2, 128)
        result = simulate("llama3-8b", system, phase, what_ifs=False, ignore_capacity=True, **options)
        found |= {*result.ledger.cause_s, *result.ledger.role_bytes, *result.ledger.traffic_bytes}
        found |= {row.limiter for row in result.ledger.rows} | set(result.footprint.role_bytes)
        found |= set(result.to_dict()["energy"]["by_component_j"])
    return {word.partition("@")[0] for word in found if word}


def test_every_word_of_a_screen_is_explained(accelsim, words):
    labels = {"latency", "energy", "power", "MFU", "MBU", "HFU", "memory", "bubble", "ranks", "cost", "carbon", "band"}
    columns = {"operator", "count", "limited by", "of peak", "types", "profile", "plan", "tp", "dp", "pp", "region"}
    for word in sorted(words | labels | columns | {"exposed", "noc", "hbm", "busbw", "kv"}):
        done = accelsim("explain", word)
        assert (done.code, done.err) == (0, ""), word
        assert "meaning" in done.out


def test_words_have_one_entry_in_small_letters():
    assert all(word == word.lower() for word in TERMS)
    assert {term.kind for term in TERMS.values()} == {
        "figure", "cause of time", "memory or network", "role of bytes or energy", "word",
    }  # fmt: skip


def test_a_word_that_is_a_field_too_names_it(accelsim):
    assert "fields   chip.noc" in accelsim("explain", "noc").out
    assert "chip.launch" in accelsim("explain", "launch").out


def test_what_is_far_from_every_word_is_given_no_suggestion(accelsim):
    assert "Did you mean" not in accelsim("explain", "zebra").err
    assert "Did you mean 'exposed'" in accelsim("explain", "expsed").err


def test_calibration_is_explained_section_by_section_and_key_by_key(accelsim):
    assert "phase_cycles (required)" in accelsim("explain", "chip.calibration.mesh").out
    one = accelsim("explain", "chip.calibration.mesh.phase_cycles").out
    assert "Start of a phase in which all cores take part" in one
    assert "cerebras-wse2: 88 (calibrated)" in one
    assert "Known: " in accelsim("explain", "chip.calibration.mesh.phase").err
    assert "unknown section" in accelsim("explain", "chip.calibration.mash").err


def test_every_number_of_every_section_says_what_it_is():
    for name, parameters in calibration_sections().items():
        silent = [key for key, (meaning, _) in section_keys(parameters).items() if not meaning]
        if not name.endswith("_range"):  # extents of a range are columns of the measured table
            assert not silent, name


def test_shipped_chips_state_what_their_cost_model_needs():
    from accelsim.catalog import Catalog
    from accelsim.cost.needs import missing_for
    from accelsim.hardware.system import load_chip

    for name in Catalog().names("chips"):
        chip: Chip = load_chip(name)
        assert not list(missing_for(chip.cost_model, {**dict(chip), "calibration": chip.calibration}))


def test_all_that_an_unfinished_chip_lacks_is_told_at_once(accelsim, tmp_path):
    file = Path(tmp_path / "mine.yaml")
    file.write_text("schema_version: 1\nkind: chip\nname: mine\ncost_model: mesh\nclock: 1 GHz\n")
    done = accelsim("run", "gpt2-xl", "--on", str(file))
    assert done.code == 2
    for key in ("core_grid", "sram_per_core", "tdp", "noc", "calibration.mesh.phase_cycles"):
        assert f": {key}: missing. " in done.err
    assert "accelsim new chip" in done.err


def test_towers_are_said_not_to_be_counted_and_why(accelsim):
    config = Path(__file__).parents[1] / "data" / "configs" / "configs" / "Qwen3-VL-4B-Instruct.json"
    card = json.loads(accelsim("show", str(config), "--json", "-").out)
    assert card["tower_params"] is None and card["towers"].startswith("not counted: only the language model")
    assert "towers" in accelsim("show", str(config)).out
    assert json.loads(accelsim("show", "llama3-8b", "--json", "-").out)["towers"] == "none"


@pytest.mark.parametrize(
    ("word", "kind", "meaning"),
    [
        ("snake", "placers", "Model order there and back"),
        ("spatial", "executions", "Groups of operators on rectangles"),
        ("dragonfly", "topologies", "shortest routes"),
        ("double_binary_tree", "collectives", "all_reduce/double_binary_tree"),
    ],
)
def test_what_show_lists_is_explained_by_its_name(accelsim, word, kind, meaning):
    done = accelsim("explain", word)
    assert f"of       {kind}" in done.out
    assert meaning in done.out


def test_every_level_of_support_is_explained(accelsim):
    from accelsim.validation.support import LEVELS

    for level in LEVELS:
        assert "a price" in " ".join(accelsim("explain", level).out.split()) or level == "refused"
        assert accelsim("explain", level).code == 0


def test_a_piece_of_a_group_is_explained_by_its_sign(accelsim):
    done = accelsim("explain", "mlp.gate_up")
    assert "accelsim show graph MODEL" in " ".join(done.err.split())
    assert "decoder0.mlp@2" in " ".join(accelsim("explain", "@").out.split())
