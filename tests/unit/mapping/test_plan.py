import pytest

from accelsim.errors import PlanError
from accelsim.mapping.plan import Plan


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
        ("pp=4", "plan: 'pp' is not modelled yet. Modelled: tp, dp, execution, region."),
        ("regoin=4x4", "plan: unknown key 'regoin'. Known: tp, dp, execution, region. Did you mean 'region'?"),
        ("region=480", "plan: region '480' is not ROWSxCOLS. Write e.g. 'region=480x480'."),
        ("region=0x480", "plan: region must be ROWSxCOLS with both >= 1, got (0, 480)."),
        ("execution=spatial", "plan: unknown execution 'spatial'. Allowed: whole_chip."),
    ],
)
def test_a_wrong_plan_says_what_is_wrong_and_what_to_write(text, message):
    with pytest.raises(PlanError) as error:
        Plan.parse(text)
    assert str(error.value) == message
