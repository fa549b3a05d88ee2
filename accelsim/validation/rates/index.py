"""The packaged index of published rates: which of our systems and models a row means, and what leaves a row out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Amount, Count
from accelsim.config.loader import load_document, validate
from accelsim.config.schema import Spec

Row = Mapping[str, str]


class Pattern(Spec):
    """Rows by their cells."""

    where: Mapping[str, str] = Field(description="Regular expressions by column, found in the cell; all must be.")

    def fits(self, row: Row) -> bool:
        """Whether a row is meant; upper and lower case are one."""
        return all(re.search(text, row.get(column, ""), re.IGNORECASE) for column, text in self.where.items())


class LeftOutRule(Pattern):
    """Rows that are not compared."""

    why: str = Field(description="Which fact is missing, or what is not modelled.")


class SystemRule(Pattern):
    """What the rows of a machine mean."""

    system: str = Field(description="Our name of the system.")
    types: str = Field("", description="Types of weights where a row does not state them, as `--dtype` takes them.")
    stored: Mapping[str, str] = Field({}, description="Types as `--dtype` takes them for those that are only stored.")
    plan: str = Field("", description="Plan; blank: the degree in the note, else tensor parallel over all chips.")
    group: Count = Field(1, description="Chips come in multiples of this many where a row does not state them.")
    share: Amount = Field(0.9, description="Share of the memory that weights and cache may fill, for such a number.")
    software: str = Field("", description="Suite whose rows give the factor of its software; blank: none.")


class Reason(Pattern):
    """Why rows may lie outside their band."""

    side: Literal["faster", "slower"] = Field(description="What ours is, against the published rate.")
    why: str = Field(description="What is known of the difference.")


class RateIndex(Spec):
    """The packaged index."""

    schema_version: Literal[1]
    kind: Literal["rates"]
    context: Count = Field(description="Tokens of context of a single stream whose row states no lengths.")
    types: Mapping[str, str] = Field(description="Types as `--dtype` takes them, by the start of the cell.")
    models: Mapping[str, Sequence[str]] = Field(description="Spellings of rows by our name of the model.")
    left_out: Sequence[LeftOutRule] = Field(description="Rows that are not compared; the first rule that fits speaks.")
    systems: Sequence[SystemRule] = Field(description="Machines; the first rule that fits is taken.")
    reasons: Sequence[Reason] = Field((), description="Known differences; the first rule that fits speaks.")

    def model_of(self, spelling: str) -> str | None:
        """Our name of a model; letters and digits alone are compared, and what brackets hold is left out."""
        wanted = _plain(spelling)
        spellings = ((name, {_plain(name), *map(_plain, others)}) for name, others in self.models.items())
        return next((name for name, known in spellings if wanted in known), None)


def _plain(spelling: str) -> str:
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)", "", spelling.lower()))


@cache
def rate_index() -> RateIndex:
    """The packaged index."""
    with as_file(files("accelsim.validation") / "data" / "rates.yaml") as path:
        return validate(load_document(path), RateIndex).spec
