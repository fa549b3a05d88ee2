"""1F1B: a stage goes back with a microbatch as soon as it can, before it takes up a further one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelsim.mapping.schedule.base import Cell, register_schedule


@register_schedule("1f1b")
class OneForwardOneBackward:
    """One forward, one backward: a stage holds as many microbatches as stages follow, and itself; bubble of GPipe.

    Where there is one direction only, it is GPipe.

    Source:
        Narayanan et al., *PipeDream: Generalized Pipeline Parallelism for DNN Training*, 2019, section 3.2; with a
        flush as in *Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM*, 2021, figure 4.
    """

    def cells(self, stage: int, num_stages: int, num_microbatches: int, directions: Sequence[str]) -> Iterator[Cell]:
        """As many forward as stages follow, then one of each in turn, then the rest backward."""
        first, *later = directions
        ahead = self.most_in_flight(stage, num_stages, num_microbatches) - 1 if later else num_microbatches
        yield from (Cell(stage, microbatch, first) for microbatch in range(ahead))
        for microbatch in range(num_microbatches) if later else ():
            if microbatch + ahead < num_microbatches:
                yield Cell(stage, microbatch + ahead, first)
            yield from (Cell(stage, microbatch, direction) for direction in later)

    def most_in_flight(self, stage: int, num_stages: int, num_microbatches: int) -> int:
        """The stages from this one to the last."""
        return min(num_microbatches, num_stages - stage)
