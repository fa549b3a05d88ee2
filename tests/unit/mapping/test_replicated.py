"""Heads that several ranks of tensor parallelism hold."""

import re

import pytest

from accelsim import Case, Decode
from accelsim.mapping.replicated import replicated_heads
from accelsim.warning import warning_id


def found(model, plan, batch=8, context=4096):
    job = Case(model, "nvidia-dgx-h100:64", Decode(batch, context), plan).load().job
    return replicated_heads(job.passes[-1].last, job.plan)


def test_no_rank_repeats_a_head_up_to_as_many_ranks_as_kv_heads():
    assert found("llama3-8b", "tp=1") == ()
    assert found("llama3-8b", "tp=8") == ()


def test_beyond_them_the_share_of_copies_is_named():
    # llama3-8b, 8 KV heads on 16 ranks.  Copies: keys and values of 8 x 4097 positions, 131,072 B each, and their
    # projections, 32 layers x 4096 x 2048 x 2 B; held beside them: one of each, the other weights, and norms 16 times.
    kv = 8 * 4097 * 131_072
    projections = 32 * 4096 * 2048 * 2
    norms = 15 * 65 * 4096 * 2
    held = 8_030_261_248 * 2 + norms + 2 * kv + projections
    (text,) = found("llama3-8b", "tp=16")
    assert warning_id(text) == "replicated-heads"
    share = float(re.search(r"([\d.]+) % of the bytes", text)[1])
    assert share == pytest.approx(100 * (kv + projections) / held, abs=0.06)
    assert "8 KV heads, each on 2 ranks" in text


def test_the_latent_of_latent_attention_lies_on_every_rank():
    (text,) = found("deepseek-v3", "tp=16")
    assert "one KV head (or latent), each on 16 ranks" in text
