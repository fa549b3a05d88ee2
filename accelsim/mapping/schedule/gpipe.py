"""GPipe: all microbatches in one direction, then all in the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.mapping.schedule.base import Cell, register_schedule


@register_schedule("gpipe")
class GPipe:
    """All microbatches one way, then all back: a stage holds what all of them leave behind for their way back.

    Source:
        Huang et al., *GPipe: Efficient Training of Giant Neural Networks using Pipeline Parallelism*, 2019, figure 2.
    """

    def cells(self, stage: int, num_stages: int, num_microbatches: int, directions: Sequence[str]) -> Iterator[Cell]:
        """Direction after direction."""
        for direction in directions:
            yield from (Cell(stage, microbatch, direction) for microbatch in range(num_microbatches))

    def most_in_flight(self, stage: int, num_stages: int, num_microbatches: int) -> int:
        """All of them."""
        return num_microbatches
