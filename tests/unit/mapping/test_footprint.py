import pytest

from accelsim.dtypes import DType
from accelsim.errors import CapacityError
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.capacity import check_capacity
from accelsim.mapping.execution.whole_chip.regions import lay_out
from accelsim.mapping.footprint import footprint, peak_activation_bytes
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.workload.build import build_traversal, build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.phase import Decode, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Axis, Tensor

LLAMA = load_model("llama3-8b")
A100 = load_system("nvidia-a100-sxm-80gb")
WSE2 = load_system("cerebras-cs2")


def test_weights_and_kv_cache_are_those_of_the_model():
    need = footprint(build_workload(LLAMA, Decode(batch=2, context=1023)), A100.chip)
    assert need.role_bytes["weight"] == LLAMA.num_parameters * 2
    # 2 sequences x 1024 tokens x 32 layers x (k + v) x 8 heads x 128 x 2 bytes
    assert need.role_bytes["kv_cache"] == 2 * 1024 * 32 * 2 * 8 * 128 * 2
    assert need.memory == "hbm"


def test_activations_live_from_producer_to_last_consumer():
    def tensor(name):
        return Tensor(name, (Axis.of("rows", 10), Axis.of("width", 10)), DType.BF16)  # 200 bytes

    x, y, z, out = (tensor(name) for name in ("x", "y", "z", "out"))
    graph = OperatorGraph(
        "g",
        (
            Elementwise("a", (x,), (y,), "relu"),  # alive: x, y
            Elementwise("b", (y,), (z,), "relu"),  # x is read again: x, y, z
            Elementwise("c", (x, z), (out,), "add"),  # y is dead: x, z, out
        ),
    )
    assert peak_activation_bytes(graph) == 3 * 200


def check(model, phase, plan, system, dtype=DType.BF16, ignore=False):
    model = load_model(model)
    fullest = shard(build_traversal(model, phase.fullest(), Recipe.of(dtype)), plan)
    return check_capacity(Job(model, system, phase, plan, Recipe.of(dtype), ignore_capacity=ignore), fullest)


def test_what_fits_gives_no_warning():
    assert check("llama3-8b", Decode(1, 2048), Plan(), A100) == ()


def test_a_model_too_large_says_how_many_bytes_short():
    with pytest.raises(CapacityError) as error:
        check("llama3-70b", Decode(1, 2048), Plan(), A100)
    text = str(error.value)
    assert "llama3-70b on nvidia-a100-sxm-80gb:1, plan tp=1: needs " in text
    assert "per chip" in text
    assert " short." in text


def test_capacity_can_be_ignored_with_a_named_warning():
    (warning,) = check("llama3-70b", Decode(1, 2048), Plan(), A100, ignore=True)
    assert warning.startswith("capacity-ignored: llama3-70b on nvidia-a100-sxm-80gb:1")


def test_layers_fill_as_many_regions_as_their_weights_need():
    workload = build_workload(LLAMA, Decode(1, 2048), Recipe.of(DType.FP16))
    # 660 x 660 cores x 48 KiB = 21.4 GB hold the 16.1 GB of weights; 360 x 360 = 6.37 GB need three.
    assert lay_out(workload, WSE2.chip, Plan(region=(660, 660))).num_regions == 1
    layout = lay_out(workload, WSE2.chip, Plan(region=(360, 360)))
    assert (layout.num_regions, layout.available, layout.fits) == (3, 5, True)


def test_a_wafer_too_small_for_the_model_says_how_much_sram_is_short():
    with pytest.raises(CapacityError) as error:
        check("codellama-34b", Prefill(1, 4096), Plan(region=(600, 600)), WSE2, DType.FP16)
    assert "sram" in str(error.value).lower()
    assert "short" in str(error.value)
