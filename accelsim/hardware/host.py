"""The computer that chips are attached to."""

from __future__ import annotations

from pydantic import Field

from accelsim.config.bounds import Count
from accelsim.config.schema import Spec
from accelsim.hardware.link import LinkSpec


class Host(Spec):
    """The computer that chips are attached to."""

    link: LinkSpec = Field(description="Link from a chip to its host, per direction.")
    chips_per_host: Count | None = Field(None, description="Chips attached to one host.")
