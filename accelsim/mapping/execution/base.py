"""What an execution is: a way in which chips run their share of a model, with the keys of a plan that it reads.

A member is a class with a decorator in a file or folder beside this one, or in an outside package::

    @register_execution("mine")
    class Mine(Execution):
        keys = (PlanKey("mykey", Count(), "What it does.", default=1),)

        def map(self, job, passes): ...

and is used as ``--plan execution=mine,mykey=3``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Protocol, TypeVar

from accelsim.cost.base import KERNELS
from accelsim.errors import PlanError
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.keys import TRAINING_KEYS
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import DEFAULT_EXECUTION, KEY_READERS, PlanKey, Word
from accelsim.registry import Registry
from accelsim.workload.steps import StepSeries

#: Which kernels operators on a mesh of cores run with; each execution says what it takes without it.
KERNELS_KEY = PlanKey(
    "kernels",
    Word(KERNELS),
    "Kernels on a mesh of cores: measured, or best, a prediction in which all cores work on short rows. "
    "Default: measured on the whole chip, best in spatial execution.",
)


class Execution(Protocol):
    """A way in which chips run their share of a model.

    Attributes:
        keys: Keys of a plan that the execution reads; every other key is refused with it.
        places_groups: Whether it puts groups on tiles: it goes around dead tiles and links, keeps spare rows and
            columns free, and takes placement constraints.
        has_kernels: Whether operators are launched one by one, on machines whose host does so; others run a compiled
            program as a whole.
        trains: Whether it plays training.
    """

    keys: ClassVar[tuple[PlanKey, ...]] = ()
    places_groups: ClassVar[bool] = False
    has_kernels: ClassVar[bool] = False
    trains: ClassVar[bool] = False

    @abstractmethod
    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """The job on its machine.

        Args:
            job: What is computed, where, how; its plan names this execution.
            passes: One replica's operators of each traversal of the phase, in series, in order.

        Raises:
            PlanError: The machine, or the plan, does not suit.
            CapacityError: The model does not fit, and the job does not say to go on.
        """

    def check_fit(self, job: Job) -> None:
        """Refuse what :meth:`map` refuses; an execution that can tell without prices and tasks does.

        Raises:
            PlanError: As :meth:`map`.
            CapacityError: As :meth:`map`.
        """
        self.map(job, job.passes)

    def lighter(self, job: Job) -> Iterable[Plan]:
        """Plans near that of ``job`` which may hold less in a memory, as advice where it does not fit."""
        return ()

    def candidates(self, job: Job) -> Iterable[Plan]:
        """Plans that ``--plan auto`` tries on the machine of ``job``; none where one has to ask for the execution."""
        return ()

    def prepare(self, jobs: Sequence[Job]) -> None:
        """Work out together what :meth:`map` needs for each of several jobs; without it, each is worked out alone.

        Args:
            jobs: Made from one job, so that they know the same; plans may not suit, which is for :meth:`map` to tell.
        """


EXECUTIONS: Registry[type[Execution]] = Registry("execution", "accelsim.mapping.execution")

E = TypeVar("E", bound=type[Execution])


def register_execution(name: str) -> Callable[[E], E]:
    """Decorator that enters an execution under ``name``, and its keys among those that plans know."""

    def enter(member: E) -> E:
        KEY_READERS.add(name, member)
        EXECUTIONS.add(name, member)
        return member

    return enter


def _check_circuits(job: Job) -> None:
    """Refuse to play circuits that move where nothing sets them."""
    plan, system = job.plan, job.system
    moved = [name for name, level in system.levels.items() if level.setting_s]
    if moved and (plan.pp > 1 or plan.execution != DEFAULT_EXECUTION):
        raise PlanError(
            f"plan: {plan}: circuits of {', '.join(moved)} are set between collectives by "
            f"execution={DEFAULT_EXECUTION} with pp=1 only. Use that, or --set system.levels.{moved[0]}.circuits=fixed."
        )


def check_job(job: Job) -> None:
    """Refuse a plan that asks for more than there is, before anything is built.

    Raises:
        PlanError: Too few chips, replicas without equal shares, or constraints that nothing takes.
    """
    plan, system = job.plan, job.system
    if plan.num_ranks > system.num_chips:
        used = [(name, value) for name, value in plan.degrees if value > 1]
        degrees = " x ".join(f"{name}={value}" for name, value in used)
        raise PlanError(
            f"plan: {degrees} needs {plan.num_ranks} chips, {system.name} has {system.num_chips}. "
            f"Ask for more with SYSTEM:{plan.num_ranks}, or lower {' or '.join(name for name, _ in used)}."
        )
    if job.constraints is not None and not EXECUTIONS.get(plan.execution).places_groups:
        takers = " or ".join(f"execution={name}" for name, one in EXECUTIONS.items() if one.places_groups)
        raise PlanError(f"constraints: execution={plan.execution} places no groups. Use {takers}.")
    if job.phase.trains and not EXECUTIONS.get(plan.execution).trains:
        takers = " or ".join(f"execution={name}" for name, one in EXECUTIONS.items() if one.trains)
        raise PlanError(f"plan: execution={plan.execution} plays training not yet. Use {takers}.")
    training = [key.name for key in TRAINING_KEYS if getattr(plan, key.name) != key.default]
    if training and not job.phase.trains:
        raise PlanError(f"plan: {', '.join(training)} has no meaning in phase {job.phase.kind}. Leave it out.")
    _check_circuits(job)
    job.phase.replica(plan.dp)  # raises where replicas cannot get equal shares
