import copy
import dataclasses
import pickle

import pytest

from accelsim.errors import PlanError
from accelsim.mapping.plan import Plan, explain_key

KEYS = (
    "tp, dp, pp, ep, dispatch, microbatches, schedule, order, ranks, execution, sp, zero, recompute, region, "
    "kernels, weights_in, kv_in, activations_in, placer, chunk, granularity, pieces, rectangles, chips, objective"
)


def test_parse_reads_every_key_and_str_gives_the_text_back():
    plan = Plan.parse("tp=8, dp=2,region=480x360")
    assert plan == Plan(tp=8, dp=2, region=(480, 360))
    assert Plan.parse(str(plan)) == plan


def test_empty_text_is_the_default_plan():
    assert Plan.parse("") == Plan()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tp", "plan: 'tp' is not KEY=VALUE. Write e.g. 'tp=8,region=480x480', or 'auto'."),
        ("tp=eight", "plan: tp must be an integer, got 'eight'. Write e.g. 'tp=8'."),
        ("tp=0", "plan: tp must be an integer >= 1, got 0."),
        ("tp=-2", "plan: tp must be an integer >= 1, got -2."),
        ("tp=2,tp=4", "plan: 'tp' is given twice in 'tp=2,tp=4'."),
        ("cp=4", f"plan: 'cp' is not modelled yet. Modelled: {KEYS}."),
        ("regoin=4x4", f"plan: unknown key 'regoin'. Known: {KEYS}. Did you mean 'region'?"),
        ("region=480", "plan: region '480' is not ROWSxCOLS. Write e.g. 'region=480x480'."),
        ("region=0x480", "plan: region must be ROWSxCOLS with both >= 1, got (0, 480)."),
        (
            "execution=spatail",
            "plan: unknown execution 'spatail'. Known: fused, spatial, weight_streaming, whole_chip. "
            "Did you mean 'spatial'?",
        ),
        (
            "placer=snake",
            "plan: placer has no meaning with execution=whole_chip. Leave placer out, or use execution=spatial.",
        ),
        ("chunk=0,execution=spatial", "plan: chunk must be an integer >= 1, got 0."),
        (
            "tp=2,execution=spatial",
            "plan: tp has no meaning with execution=spatial. "
            "Leave tp out, or use execution=fused or execution=whole_chip.",
        ),
    ],
)
def test_a_wrong_plan_says_what_is_wrong_and_what_to_write(text, message):
    with pytest.raises(PlanError) as error:
        Plan.parse(text)
    assert str(error.value) == message


def test_a_key_given_its_default_is_a_key_left_out():
    assert Plan.parse("tp=1,execution=whole_chip") == Plan() == Plan(region=None)
    assert hash(Plan(tp=2, dp=1)) == hash(Plan.parse("tp=2"))
    assert Plan.parse("execution=spatial,granularity=block,tp=1") == Plan(execution="spatial")


def test_replace_changes_one_key_and_checks_the_whole_again():
    plan = Plan(tp=8, region=(4, 4))
    assert plan.replace(region=None) == dataclasses.replace(plan, region=None) == Plan(tp=8)
    with pytest.raises(PlanError, match="region has no meaning with execution=spatial"):
        plan.replace(execution="spatial", tp=1)


def test_a_key_of_another_execution_reads_as_its_default():
    assert Plan(tp=2).chunk is None
    assert Plan(execution="spatial", chunk=4).tp == 1
    with pytest.raises(AttributeError, match="no key 'chnuk'"):
        _ = Plan().chnuk


def test_plain_data_has_the_keys_that_the_execution_reads():
    shown = Plan.parse("dp=2,ep=2,dispatch=fp8,region=3x4").to_dict()
    degrees = {"tp": 1, "dp": 2, "pp": 1, "ep": 2, "dispatch": "fp8"}
    pipeline = {"microbatches": 1, "schedule": "gpipe", "order": "tp-dp-pp", "ranks": None}
    training = {"sp": "off", "zero": "0", "recompute": "none"}
    memories = {"weights_in": None, "kv_in": None, "activations_in": None}
    assert shown == {
        "execution": "whole_chip",
        **degrees,
        **pipeline,
        **training,
        "region": "3x4",
        "kernels": None,
        **memories,
    }
    assert Plan(execution="weight_streaming").to_dict() == {"execution": "weight_streaming"}


def test_a_plan_survives_copies_and_pickles():
    plan = Plan.parse("tp=4,region=4x4")
    assert pickle.loads(pickle.dumps(plan)) == copy.deepcopy(plan) == plan
    assert eval(repr(plan)) == plan


def test_explain_names_the_executions_that_read_a_key():
    assert explain_key("region")["with"] == "whole_chip"
    assert explain_key("chunk")["with"] == "spatial"
    assert explain_key("regoin") is None
