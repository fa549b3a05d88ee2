import json
from pathlib import Path

import pytest

from accelsim.cli.main import main
from accelsim.mapping.placement.placement import load_placement
from accelsim.mapping.ranks import parse_ranks
from accelsim.network.noc import Rectangle

CHIP = (Path(__file__).parents[1] / "golden" / "inputs" / "small-array.yaml").read_text(encoding="utf-8")

MODEL = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 512,
    "vocab_size": 4096,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}


@pytest.fixture
def files(tmp_path):
    """Paths of a model and a chip."""
    model, chip = tmp_path / "config.json", tmp_path / "small-array.yaml"
    model.write_text(json.dumps(MODEL), encoding="utf-8")
    chip.write_text(CHIP, encoding="utf-8")
    return str(model), str(chip)


def run(capsys, *arguments):
    """Exit code, standard output and error of a command."""
    try:
        main([str(argument) for argument in arguments])
        code = 0
    except SystemExit as exit_:
        code = exit_.code or 0
    captured = capsys.readouterr()
    return code, captured.out, " ".join(captured.err.split())


def test_place_compares_saves_and_draws(files, tmp_path, capsys):
    model, chip = files
    saved, drawn = tmp_path / "placement.yaml", tmp_path / "floor.png"
    arguments = ("--prompt", 64, "--budget", 200, "--save", saved, "--png", drawn)
    code, out, _ = run(capsys, "place", model, "--on", chip, "--placer", "all", *arguments)
    assert code == 0
    for word in ("annealing", "row_major", "bytes x hops", "hottest links", "KV capacity"):
        assert word in out
    assert set(load_placement(saved).places) == {
        "embedding",
        "decoder0.attn",
        "decoder0.mlp",
        "decoder1.attn",
        "decoder1.mlp",
        "head",
    }
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_saved_placement_runs(files, tmp_path, capsys):
    model, chip = files
    saved, result = tmp_path / "placement.yaml", tmp_path / "result.json"
    run(capsys, "place", model, "--on", chip, "--placer", "snake", "--prompt", 64, "--save", saved)
    plan = f"execution=spatial,placer={saved}"
    code, _, err = run(capsys, "run", model, "--on", chip, "--prompt", 64, "--plan", plan, "--json", result, "--quiet")
    assert (code, err) == (0, "")
    data = json.loads(result.read_text())
    assert data["plan"]["execution"] == "spatial"
    assert sum(data["time_by_cause_s"].values()) == pytest.approx(data["latency_s"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--placer", "anealing"), "Did you mean 'annealing'?"),
        (("--placer", "none.yaml"), "none.yaml: no such file"),
        (("--placer", "anealing", "--plan", "tp=2"), "Did you mean 'annealing'?"),
        (("--plan", "placer=snake"), "Write --placer NAME"),
        (("--budget", 0), "--budget"),
        (("--defects", 2), "--defects"),
        (("--wafers", 0), "--wafers"),
        (("--seed", -1), "--seed"),
    ],
)
def test_bad_options_are_refused_before_any_work(files, capsys, monkeypatch, options, message):
    def work(*_, **__):
        raise AssertionError("worked before it looked")

    monkeypatch.setattr("accelsim.placing.map_groups", work)
    monkeypatch.setattr("accelsim.placing.rank_traffic", work)
    model, chip = files
    code, _, err = run(capsys, "place", model, "--on", chip, "--prompt", 64, *options)
    assert code == 2
    assert message in err


def test_a_model_that_does_not_fit_exits_with_3(files, capsys):
    model, chip = files
    code, _, err = run(capsys, "run", model, "--on", chip, "--execution", "spatial", "--context", 4000, "--batch", 512)
    assert code == 3
    assert "short" in err


def test_constraints_hold_in_place_and_in_run(files, tmp_path, capsys):
    model, chip = files
    wanted, saved, result = tmp_path / "wanted.yaml", tmp_path / "placement.yaml", tmp_path / "result.json"
    wanted.write_text(
        "schema_version: 1\nkind: constraints\npin: {head: {corner: [2, 3], tiles: [20, 15]}}\n"
        "forbid: [{corner: [0, 0], tiles: [1, 64]}]\ntogether: [['decoder1.*']]\n"
    )
    asked = ("--prompt", 64, "--constraints", wanted)
    code, _, err = run(capsys, "place", model, "--on", chip, "--placer", "greedy", *asked, "--save", saved)
    assert (code, err) == (0, "")
    places = load_placement(saved).places
    assert places["head"] == (0, Rectangle(2, 3, 20, 15))
    assert all(rectangle.row > 0 for _, rectangle in places.values())
    code, _, err = run(
        capsys, "run", model, "--on", chip, *asked, "--plan", "execution=spatial", "--json", result, "--quiet"
    )
    assert (code, err) == (0, "")
    assert "wanted.yaml" in json.loads(result.read_text())["manifest"]["inputs"]


@pytest.mark.parametrize(
    ("lines", "plan", "message"),
    [
        ("pin: {haed: {corner: [0, 0], tiles: [9, 9]}}", "execution=spatial", "Did you mean 'head'?"),
        ("pin: {head: {corner: [50, 0], tiles: [20, 20]}}", "execution=spatial", "leaves the grid of 64x64"),
        ("pin: {head: {corner: [0, 0], tiles: [2, 2]}}", "execution=spatial", "4 tiles, it needs"),
        ("forbid: [{corner: [0, 0], tiles: [63, 64]}]", "execution=spatial", "of SRAM short"),
        ("forbid: [{corner: [0, 0], tiles: [60, 64]}]", "execution=whole_chip", "Use execution=spatial"),
    ],
)
def test_constraints_that_cannot_be_met_are_told_without_a_traceback(files, tmp_path, capsys, lines, plan, message):
    model, chip = files
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(f"schema_version: 1\nkind: constraints\n{lines}\n")
    code, _, err = run(
        capsys, "run", model, "--on", chip, "--prompt", 64, "--plan", plan, "--constraints", wanted, "--quiet"
    )
    assert code in (2, 3)
    assert message in err
    assert "Traceback" not in err


def test_ranks_of_a_plan_are_placed_on_chips(files, tmp_path, capsys):
    model, _ = files
    saved = tmp_path / "ranks.yaml"
    arguments = ("--on", "google-tpu-v4-pod:16", "--plan", "tp=4,dp=4", "--batch", 4, "--prompt", 64)
    code, out, _ = run(capsys, "place", model, *arguments, "--placer", "all", "--budget", 500, "--save", saved)
    assert code == 0
    assert "Ranks on chips" in out
    assert sorted(parse_ranks(saved.read_text())) == list(range(16))
    code, _, err = run(capsys, "place", model, *arguments, "--png", tmp_path / "x.png")
    assert code == 2
    assert "--png has no meaning for ranks" in err


def test_sampled_wafers_are_compared_with_the_intact_chip(files, capsys):
    model, chip = files
    asked = ("--prompt", 32, "--placer", "snake", "--set", "chip.bypass=true", "--defects", 0.005, "--wafers", 3)
    code, out, _ = run(capsys, "place", model, "--on", chip, *asked)
    assert code == 0
    assert "3 of 3 chips with faults hold the model" in out
    assert out == run(capsys, "place", model, "--on", chip, *asked)[1]
    code, _, err = run(capsys, "place", model, "--on", chip, "--defects", 2)
    assert code == 2
    assert "--defects" in err


def test_a_stride_beyond_the_chips_is_refused(capsys):
    asked = ("collective", "all_reduce", "--on", "nvidia-dgx-h100:16", "--bytes", "64MiB", "--stride")
    code, _, err = run(capsys, *asked, 16)
    assert code == 2
    assert "16 chips, no two of them so far apart" in err
    assert run(capsys, *asked, 15)[0] == 0
