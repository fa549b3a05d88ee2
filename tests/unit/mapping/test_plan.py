import pytest

from accelsim.errors import PlanError
from accelsim.mapping.plan import EXECUTIONS, Plan

KEYS = "tp, dp, ep, dispatch, execution, region, placer, chunk, granularity, objective"


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
        ("pp=4", f"plan: 'pp' is not modelled yet. Modelled: {KEYS}."),
        ("regoin=4x4", f"plan: unknown key 'regoin'. Known: {KEYS}. Did you mean 'region'?"),
        ("region=480", "plan: region '480' is not ROWSxCOLS. Write e.g. 'region=480x480'."),
        ("region=0x480", "plan: region must be ROWSxCOLS with both >= 1, got (0, 480)."),
        ("execution=spatail", f"plan: unknown execution 'spatail'. Allowed: {', '.join(EXECUTIONS)}."),
        ("placer=snake", "plan: placer has no meaning with execution=whole_chip. Use spatial."),
        ("chunk=0,execution=spatial", "plan: chunk must be an integer >= 1, got 0."),
        (
            "tp=2,execution=spatial",
            "plan: tp has no meaning with execution=spatial. Leave tp out.",
        ),
    ],
)
def test_a_wrong_plan_says_what_is_wrong_and_what_to_write(text, message):
    with pytest.raises(PlanError) as error:
        Plan.parse(text)
    assert str(error.value) == message
