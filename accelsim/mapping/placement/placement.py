"""A placement as a small file to read, edit and use again: which group sits on which tiles of which chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from accelsim.config.bounds import MAX_SEED, Count, CountOrNone
from accelsim.config.loader import load_document, parse_document, validate
from accelsim.config.quantity import Bytes
from accelsim.config.schema import Spec
from accelsim.errors import PlacementError
from accelsim.network.noc import Rectangle
from accelsim.units import repr_quantity


class Place(Spec):
    """Where one group sits; one entry of ``groups``."""

    chip: CountOrNone = Field(0, description="Number of the chip.")
    corner: tuple[CountOrNone, CountOrNone] = Field(description="First row and column of its tiles.")
    tiles: tuple[Count, Count] = Field(description="Rows and columns of tiles.")
    sram_budget_bytes: Annotated[Bytes | None, Field(description="SRAM of all its tiles; for the reader only.")] = None

    @property
    def rectangle(self) -> Rectangle:
        """Its tiles."""
        return Rectangle(*self.corner, *self.tiles)


class PlacementSpec(Spec):
    """A placement file."""

    schema_version: Literal[1]
    kind: Literal["placement"]
    model: str = Field(description="Model it was made for.")
    system: str = Field(description="System it was made for.")
    placer: str = Field(description="Who made it.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Seed it was made with.")
    grid: tuple[Count, Count] = Field(description="Rows and columns of tiles of one chip.")
    groups: dict[str, Place] = Field(description="Where each group sits, by name.")


@dataclass(frozen=True)
class Placement:
    """Groups on tiles.

    Attributes:
        model: Model it was made for.
        system: System it was made for.
        placer: Who made it.
        seed: Seed it was made with.
        grid: Rows and columns of tiles of one chip.
        places: Chip and rectangle of each group, by name.
        sram_bytes: SRAM of all tiles of each group, by name.
    """

    model: str
    system: str
    placer: str
    seed: int
    grid: tuple[int, int]
    places: dict[str, tuple[int, Rectangle]]
    sram_bytes: dict[str, float]

    def to_yaml(self) -> str:
        """The file; :func:`parse_placement` reads it back as an equal value."""
        lines = [
            "# Which group of operators sits on which tiles. Edit and run again with --plan placer=THIS_FILE.",
            "schema_version: 1",
            "kind: placement",
            f"model: {_quoted(self.model)}",
            f"system: {_quoted(self.system)}",
            f"placer: {_quoted(self.placer)}",
            f"seed: {self.seed}",
            f"grid: [{self.grid[0]}, {self.grid[1]}]",
            "groups:",
        ]
        for name, (chip, r) in self.places.items():
            budget = repr_quantity(self.sram_bytes[name], "bytes")
            lines.append(
                f"  {_quoted(name)}: {{chip: {chip}, corner: [{r.row}, {r.col}], tiles: [{r.rows}, {r.cols}], "
                f"sram_budget: {budget}}}"
            )
        return "\n".join(lines) + "\n"

    def rectangles(self, chip: int, names: Sequence[str]) -> tuple[Rectangle, ...]:
        """Rectangles of the groups ``names`` on ``chip``.

        Args:
            chip: Which chip, from 0.
            names: Groups that live on it, in the order of the result.

        Raises:
            PlacementError: A group is missing or on another chip.
        """
        found = []
        for name in names:
            if name not in self.places:
                raise PlacementError(f"placement of {self.model}: no group {name!r}. Was it made with this plan?")
            at, rectangle = self.places[name]
            if at != chip:
                raise PlacementError(f"placement: {name} is on chip {at}, its share of the model on chip {chip}.")
            found.append(rectangle)
        return tuple(found)


def load_placement(path: str | Path) -> Placement:
    """Read a placement file.

    Raises:
        ConfigError: Malformed; every problem with file and line.
        PlacementError: Two groups share a tile, or one leaves the grid.
    """
    return _checked(validate(load_document(path), PlacementSpec).spec)


def parse_placement(text: str) -> Placement:
    """Read the text of a placement file; see :func:`load_placement`."""
    return _checked(validate(parse_document(text, "placement"), PlacementSpec).spec)


def _checked(spec: PlacementSpec) -> Placement:
    places = {name: (place.chip, place.rectangle) for name, place in spec.groups.items()}
    check_legal(spec.grid, places)
    budgets = {name: float(place.sram_budget_bytes or 0.0) for name, place in spec.groups.items()}
    return Placement(spec.model, spec.system, spec.placer, spec.seed, spec.grid, places, budgets)


def check_legal(grid: tuple[int, int], places: dict[str, tuple[int, Rectangle]]) -> None:
    """Refuse rectangles that leave the grid or share a tile.

    Args:
        grid: Rows and columns of tiles of every chip.
        places: Chip and rectangle of each group by name.

    Raises:
        PlacementError: One does; the groups are named.
    """
    taken: dict[tuple[int, int], list[tuple[str, Rectangle]]] = {}
    for name, (chip, r) in places.items():
        if r.row + r.rows > grid[0] or r.col + r.cols > grid[1]:
            raise PlacementError(f"placement: {name} on {r} leaves the grid of {grid[0]}x{grid[1]} tiles. Move it.")
        for row in range(r.row, r.row + r.rows):
            for other, o in taken.setdefault((chip, row), []):
                if r.col < o.col + o.cols and o.col < r.col + r.cols:
                    raise PlacementError(f"placement: {name} and {other} share tiles in row {row}. Move one of them.")
            taken[chip, row].append((name, r))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
