"""A schedule: the microbatches in two waves, so that no stage holds more than half of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.mapping.schedule.base import Cell, register_schedule


@register_schedule("two_waves")
class TwoWaves:
    """The first half of the microbatches there and back, then the second half."""

    def cells(self, stage: int, num_stages: int, num_microbatches: int, directions: Sequence[str]) -> Iterator[Cell]:
        """Wave after wave, in each direction after direction."""
        first = self.most_in_flight(stage, num_stages, num_microbatches)
        for wave in (range(first), range(first, num_microbatches)):
            for direction in directions:
                yield from (Cell(stage, microbatch, direction) for microbatch in wave)

    def most_in_flight(self, stage: int, num_stages: int, num_microbatches: int) -> int:
        """The larger half."""
        return -(-num_microbatches // 2)
