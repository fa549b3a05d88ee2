"""Bad input: one block of text that says what, where, what is allowed and how to fix it; never a traceback."""

import json
import shutil

import pytest

from accelsim.catalog import Catalog

CHIP = "nvidia-a100-sxm-80gb"


@pytest.fixture
def chip_file(tmp_path, monkeypatch):
    """A copy of a shipped chip in the current folder, with a function to damage it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mychip.yaml"
    shutil.copy(Catalog().find("chips", CHIP), path)

    def damage(old, new):
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        line = next(i for i, content in enumerate(path.read_text().splitlines(), 1) if new in content)
        return f"mychip.yaml:{line}"

    return damage


def refused(outcome, code=2):
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert outcome.err.startswith("error: ")
    return outcome.err.removeprefix("error: ").rstrip("\n")


def test_a_misspelt_key_is_named_with_its_line_and_the_nearest_key(accelsim, chip_file):
    where = chip_file("tdp: {value", "tpd: {value")
    lines = refused(accelsim("run", "llama3-8b", "--on", "mychip.yaml")).splitlines()
    assert (
        lines[0] == "mychip.yaml:16: tdp: missing. Board or system power limit."
    )  # both problems are reported together
    assert lines[1].startswith(f"{where}: tpd: unknown key 'tpd'. Known: behind, busy, bypass, calibration,")
    assert lines[1].endswith(" Did you mean 'tdp'?")


def test_a_missing_unit_shows_how_to_write_it(accelsim, chip_file):
    where = chip_file("bandwidth: {value: 2039 GB/s", "bandwidth: {value: 2039")
    assert refused(accelsim("run", "llama3-8b", "--on", "mychip.yaml")) == (
        f"{where}: memories.hbm.bandwidth: '2039' has no unit. Write e.g. '2039 GB/s'."
    )


def test_a_wrong_unit_names_both_dimensions(accelsim, chip_file):
    where = chip_file("clock: {value: 1410 MHz", "clock: {value: 5 us")
    text = refused(accelsim("run", "llama3-8b", "--on", "mychip.yaml"))
    assert text == f"{where}: clock: '5 us' is a time; expected a frequency such as '1.1 GHz'."


def test_an_unknown_model_suggests_a_near_name(accelsim):
    text = refused(accelsim("run", "lama3-8b", "--on", CHIP))
    assert text.startswith("unknown model 'lama3-8b'. Known: llama3-8b, ")
    assert "Did you mean 'llama3-8b'?" in text


def test_an_unknown_system_suggests_a_near_name(accelsim):
    text = refused(accelsim("run", "llama3-8b", "--on", "nvidia-dgx-a10"))
    assert "'nvidia-dgx-a10'" in text
    assert "Did you mean 'nvidia-dgx-a100'?" in text


def test_tp_that_does_not_divide_the_heads_lists_what_does(accelsim):
    text = refused(accelsim("run", "llama3-8b", "--on", "nvidia-dgx-a100:8", "--plan", "tp=6"))
    assert text == (
        "decoder/attn.qkv: tp=6 does not fit: axis 'qkv': 32 blocks do not split over 6 ranks. "
        "Use one of [1, 2, 4, 8, 16, 32]."
    )


def test_a_model_too_large_for_the_memory_exits_3_and_says_what_would_fit(accelsim):
    text = refused(accelsim("run", "llama3-70b", "--on", CHIP, "--plan", "tp=1"), code=3)
    # weights 70.55e9 x 2 B; KV 2048 x 80 layers x 2 x 8 x 128 x 2 B; activations: gate_up, its product and the residual
    # stream, 2048 x (57344 + 28672 + 8192) x 2 B = 368 MiB.
    assert text == (
        "llama3-70b on nvidia-a100-sxm-80gb:1, plan tp=1: needs 142.2 GB of 80 GiB hbm (weight 141.1 GB, "
        "kv_cache 640 MiB, activation 368 MiB) per chip: 56.27 GB short. "
        "Each of these alone fits: --on nvidia-a100-cloud:2 --plan tp=2 or --on nvidia-dgx-a100:2 --plan tp=2; "
        "--dtype int8."
    )


def test_capacity_can_be_ignored_and_the_result_says_so(accelsim):
    done = accelsim("run", "llama3-70b", "--on", CHIP, "--plan", "tp=1", "--ignore-capacity", "--json", "-")
    assert done.code == 0
    assert any(w.startswith("capacity-ignored: llama3-70b") for w in json.loads(done.out)["warnings"])


def test_malformed_yaml_names_the_line(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text("schema_version: 1\nkind: chip\nname: [a, b\nclock: 1 GHz\n")
    assert refused(accelsim("run", "llama3-8b", "--on", "broken.yaml")).startswith("broken.yaml:4: ")


def test_malformed_json_names_the_line(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama",\n "hidden_size": 4096,,\n}')
    assert refused(accelsim("run", "config.json", "--on", CHIP)).startswith("config.json:2: ")


def test_a_yaml_bomb_is_refused(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    (tmp_path / "bomb.yaml").write_text(bomb)
    text = refused(accelsim("run", "llama3-8b", "--on", "bomb.yaml"))
    assert text.startswith("bomb.yaml:1: ")
    assert "anchor" in text


def test_a_file_of_100_megabytes_is_refused_unread(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(100 * 1000 * 1000)
    text = refused(accelsim("run", "llama3-8b", "--on", "large.yaml"))
    assert "large.yaml" in text
    assert "8 MiB" in text


def test_an_output_that_cannot_be_written_leaves_nothing_behind(accelsim, tmp_path):
    target = tmp_path / "missing" / "result.json"
    text = refused(accelsim("run", "llama3-8b", "--on", CHIP, "--quiet", "--json", str(target)))
    assert text == (f"{target}: cannot write (No such file or directory). Choose a folder that exists and is writable.")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_a_folder_is_refused(accelsim, tmp_path):
    text = refused(accelsim("run", "llama3-8b", "--on", CHIP, "--quiet", "--trace", str(tmp_path)))
    assert text == f"{tmp_path}: is a folder. Name a file in it."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--batch", "0"), "batch must be >= 1, got 0"),
        (("--batch", "-4"), "batch must be >= 1, got -4"),
        (("--prompt", "-1"), "prompt must be >= 1, got -1"),
        (("--context", "-1"), "context must be >= 0, got -1"),
        (("--steps", "0"), "steps must be >= 1, got 0"),
        (
            ("--phase", "decode", "--prompt", "5"),
            "phase decode has no 'prompt'. It has: batch, context, steps.",
        ),
        (
            ("--phase", "prefil"),
            "--phase: unknown phase 'prefil'. Known: decode, mixed, prefill, train. Did you mean 'prefill'?",
        ),
        (("--engine", "fast"), "--engine: unknown engine 'fast'. Known: auto, compiled, simpy."),
        (
            ("--dtype", "bf61"),
            "--dtype: unknown type 'bf61'. Known: fp32, tf32, bf16, fp16, fp8, fp8-channel, fp8-block, int8, "
            "int4-channel, nf4, nf4-dq, mxfp8, mxfp4, bfp8, bfp4, nvfp4, int4, fp4, int4-gN or int8-gN with groups of "
            "N elements (int4-g64; int4-g64-zp with zero points, -idx with the group of each row), and fp8-bRxC with "
            "blocks of R rows and C columns (fp8-b64x64-e8m0 with 8-bit scales).",
        ),
        (
            ("--set", "chip.clock"),
            "--set: 'chip.clock' is not KEY=VALUE. Write e.g. chip.sram_per_core=\"64 KiB\".",
        ),
        (
            ("--plan", "tp=16"),
            "plan: tp=16 needs 16 chips, nvidia-a100-sxm-80gb has 1. Ask for more with SYSTEM:16, or lower tp.",
        ),
        (("--plan", "region=2x200"), "plan: region=2x200 is larger than the 1x108 cores of nvidia-a100-sxm-80gb."),
    ],
)
def test_impossible_options_are_refused_in_words(accelsim, options, message):
    assert refused(accelsim("run", "llama3-8b", "--on", CHIP, *options)) == message


def test_an_override_of_an_unknown_key_suggests_the_nearest(accelsim):
    text = refused(accelsim("run", "llama3-8b", "--on", CHIP, "--set", "chip.clok=2 GHz"))
    assert "clok" in text
    assert "Did you mean 'clock'?" in text


def test_an_override_without_unit_is_refused(accelsim):
    text = refused(accelsim("run", "llama3-8b", "--on", CHIP, "--set", "chip.sram_per_core=64"))
    assert "'64' has no unit" in text


def test_a_config_of_an_unsupported_family_names_what_is_unsupported(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"model_type": "jamba", "hidden_size": 4096, "num_local_experts": 8, "mamba_d_state": 16}
    (tmp_path / "config.json").write_text(json.dumps(config, indent=1))
    text = refused(accelsim("run", "config.json", "--on", CHIP))
    reason, family = text.splitlines()
    assert reason == "config.json:5: mamba_d_state: a state-space model (Mamba) is not modelled"
    assert family.startswith("config.json:2: model_type: family 'jamba' is not supported.")
    assert family.endswith("accelsim show families.") and "Did you mean" not in text


def test_a_misspelt_family_is_refused_with_the_near_ones_only(accelsim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen33", "hidden_size": 4096}))
    text = refused(accelsim("run", "config.json", "--on", CHIP))
    assert "family 'qwen33' is not supported. Did you mean 'qwen3'?" in text
    assert "more (accelsim show families)" in text and "gpt_neox" not in text


def test_a_traceback_is_shown_only_on_request(process):
    done = process("run", "llama3-8b", "--on", "nowhere", "--debug")
    assert done.code == 1
    assert "Traceback" in done.err


def test_options_of_a_machine_without_a_machine_are_refused_and_not_ignored(accelsim):
    text = refused(accelsim("run", "llama3-8b", "--plan", "tp=2", "--set", "chip.clock=1 GHz"))
    assert text == "--plan, --set needs a system. Add --on SYSTEM; accelsim show systems lists them."


def test_an_output_that_is_a_device_is_refused_and_a_link_is_written_through(accelsim, tmp_path):
    options = ("run", "llama3-8b", "--on", CHIP, "--quiet", "--json")
    assert "is a device or pipe" in refused(accelsim(*options, "/dev/null"))
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert accelsim(*options, str(tmp_path / "link.json")).code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["model"] == "llama3-8b"


def test_a_comparison_of_no_system_is_refused(accelsim):
    assert refused(accelsim("compare", "llama3-8b", "--on", ",")).startswith("--on names no system.")
