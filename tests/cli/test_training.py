"""``run --phase train``: one iteration from the command line, and what is refused."""

import json

import pytest

RUN = ("run", "gpt2-xl", "--on", "nvidia-dgx-a100", "--phase", "train", "--seq", "1024")


def test_an_iteration_has_its_memory_by_role_and_counts_the_way_back(accelsim):
    found = accelsim(*RUN, "--global-batch", "16", "--micro-batch", "4", "--plan", "dp=2,zero=1", "--json", "-")
    assert found.code == 0, found.err
    data = json.loads(found.out)
    assert {"weight", "gradient", "optimizer_state", "activation"} <= set(data["memory_bytes"])
    assert data["tokens_per_s"] * data["latency_s"] == pytest.approx(16 * 1024)
    # fp32 gradients are twice the 16-bit weights; ZeRO 1 leaves each of two replicas half of 12 B per parameter
    memory = data["memory_bytes"]
    assert memory["gradient"] == 2 * memory["weight"]
    assert memory["optimizer_state"] == pytest.approx(3 * memory["weight"])
    names = {row["operator"] for row in data["operators"]}
    assert {"grads.reduce_scatter", "step.all_gather", "step.adam", "loss", "attn.attention.backward"} <= names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--plan", "execution=weight_streaming"), "plays training not yet. Use execution=whole_chip."),
        (("--plan", "dp=3"), "dp=3 does not divide global_batch=8"),
        (("--plan", "dp=2", "--micro-batch", "8"), "which micro_batch=8 does not divide"),
        (("--optimizer", "adm"), "unknown optimizer 'adm'. Known: adam, sgd, adafactor."),
        (("--dropout", "maybe"), "dropout must be on or off"),
        (("--dtype", "fp8"), "training with weights in fp8 is not modelled yet"),
    ],
)
def test_what_training_does_not_model_is_refused_in_words(accelsim, options, words):
    command = tuple(word.replace("a100", "h100") for word in RUN) if "fp8" in options else RUN
    refused = accelsim(*command, "--global-batch", "8", *options)
    assert refused.code == 2, refused
    assert words in refused.err and "Traceback" not in refused.err


def test_keys_of_training_are_refused_in_inference(accelsim):
    refused = accelsim("run", "gpt2-xl", "--on", "nvidia-dgx-a100", "--prompt", "64", "--plan", "recompute=full")
    assert refused.code == 2 and "recompute has no meaning in phase prefill" in refused.err


def test_what_does_not_fit_exits_3(accelsim):
    refused = accelsim(
        "run", "gpt3-175b", "--on", "nvidia-dgx-a100", "--phase", "train", "--seq", "2048", "--plan", "tp=8"
    )
    assert refused.code == 3 and "short" in refused.err
