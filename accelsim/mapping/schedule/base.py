"""What a schedule is: cells in the order in which each stage plays them, and what a cell waits for.

A cell is one microbatch on one stage in one direction.  A schedule is data: it yields cells, and knows neither tasks
nor seconds (:mod:`accelsim.mapping.pipelined` makes tasks of them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from accelsim.registry import Registry

FORWARD, BACKWARD = "forward", "backward"
#: Directions of inference and of training.
INFERENCE, TRAINING = (FORWARD,), (FORWARD, BACKWARD)
#: What follows the last microbatch on every stage: the sum of gradients over replicas and its norm, and the step of the
#: optimizer, which waits for the norms of all stages.
REDUCE, STEP = "reduce", "step"


class Cell(NamedTuple):
    """One microbatch on one stage.

    Attributes:
        stage: Place in the pipeline, from 0.
        microbatch: From 0.
        direction: :data:`FORWARD`, :data:`BACKWARD`, or another that a schedule knows.
    """

    stage: int
    microbatch: int
    direction: str = FORWARD


class PipelineSchedule(Protocol):
    """An order of cells."""

    def cells(self, stage: int, num_stages: int, num_microbatches: int, directions: Sequence[str]) -> Iterator[Cell]:
        """Cells of a stage in the order in which it plays them, every microbatch once in each direction.

        Args:
            stage: Which stage, from 0.
            num_stages: Stages of the pipeline.
            num_microbatches: Microbatches, each of which visits every stage.
            directions: :data:`INFERENCE` or :data:`TRAINING`; each begins forward.
        """
        ...

    def most_in_flight(self, stage: int, num_stages: int, num_microbatches: int) -> int:
        """Microbatches that a stage holds at most at once: forward begun, backward not yet ended.

        Args:
            stage: Which stage, from 0.
            num_stages: Stages of the pipeline.
            num_microbatches: Microbatches in all, which no stage exceeds.
        """
        ...


SCHEDULES: Registry[PipelineSchedule] = Registry("schedule", "accelsim.mapping.schedule")

S = TypeVar("S", bound=type[PipelineSchedule])


def register_schedule(name: str) -> Callable[[S], S]:
    """Class decorator: enters an instance under ``name``."""

    def enter(member: S) -> S:
        SCHEDULES.add(name, member())
        return member

    return enter


def waits_for(cell: Cell, num_stages: int) -> Cell | None:
    """The cell whose result a cell needs; None for the first stage forward.

    Forward comes from the stage before, backward from the stage after, and the last stage turns round.

    Args:
        cell: A microbatch on a stage in a direction.
        num_stages: Stages of the pipeline; the last one turns round.
    """
    if cell.direction == FORWARD:
        return cell._replace(stage=cell.stage - 1) if cell.stage else None
    last = cell.stage == num_stages - 1
    return cell._replace(direction=FORWARD) if last else cell._replace(stage=cell.stage + 1)


def sources_of(cell: Cell, num_stages: int) -> tuple[Cell, ...]:
    """All cells whose results a cell needs: that of :func:`waits_for`; every stage's norm before a step.

    Args:
        cell: A microbatch on a stage in a direction, or what follows the last.
        num_stages: Stages of the pipeline.
    """
    if cell.direction == REDUCE:
        return ()
    if cell.direction == STEP:
        return tuple(cell._replace(stage=stage, direction=REDUCE) for stage in range(num_stages))
    source = waits_for(cell, num_stages)
    return () if source is None else (source,)


def bubble_fraction(num_stages: int, num_microbatches: int) -> float:
    """Part of the time in which a stage is idle, for equal cells and transfers that take no time.

    Of GPipe and 1F1B, in inference and in training: ``(p - 1) / (m + p - 1)``.

    Args:
        num_stages: p, the stages of the pipeline.
        num_microbatches: m, the microbatches of one batch.

    Source:
        Narayanan et al., *Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM*, 2021,
        section 2.2.1, whose (p - 1) / m is the same time over that of the work.

    Examples:
        >>> bubble_fraction(4, 8)
        0.2727272727272727
    """
    return (num_stages - 1) / (num_microbatches + num_stages - 1)
