"""The link budget: laser power minus losses must reach the receiver's sensitivity with a margin."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ConfigError

#: Terms an error names.
LARGEST_TERMS = 3


@dataclass(frozen=True, slots=True)
class Loss:
    """One term of a budget.

    Attributes:
        name: What causes it, e.g. ``fibre 50 m``.
        loss_db: Loss in dB, all pieces together.
    """

    name: str
    loss_db: float


@dataclass(frozen=True)
class LinkBudget:
    """Power of one wavelength from its laser to its receiver, in decibels.

    Not modelled: noise (amplified spontaneous emission, relative intensity noise), crosstalk between wavelengths beyond
    the margin, ageing.

    Attributes:
        name: What link this is.
        laser_dbm: Optical power of the laser, per wavelength.
        losses: All terms between laser and receiver.
        sensitivity_dbm: Power the receiver needs for its error rate, modulation included.
        margin_db: Power to be left over.
    """

    name: str
    laser_dbm: float
    losses: tuple[Loss, ...]
    sensitivity_dbm: float
    margin_db: float

    @property
    def loss_db(self) -> float:
        """Sum of the losses."""
        return sum(loss.loss_db for loss in self.losses)

    @property
    def received_dbm(self) -> float:
        """Power that arrives."""
        return self.laser_dbm - self.loss_db

    @property
    def slack_db(self) -> float:
        """What is left beyond the margin; negative if the link does not close."""
        return self.received_dbm - self.sensitivity_dbm - self.margin_db

    @property
    def closes(self) -> bool:
        """Whether the receiver gets its power and the margin."""
        return self.slack_db >= -1e-9

    @property
    def needed_laser_dbm(self) -> float:
        """Least laser power that closes the link."""
        return self.laser_dbm - self.slack_db

    def largest(self, count: int = LARGEST_TERMS) -> tuple[Loss, ...]:
        """The largest losses, largest first."""
        return tuple(sorted(self.losses, key=lambda loss: -loss.loss_db)[:count])

    def __str__(self) -> str:
        terms = [f"laser {self.laser_dbm:+.2f} dBm"]
        terms += [f"{loss.name} -{loss.loss_db:.2f} dB" for loss in self.losses]
        arrives = f"arrives {self.received_dbm:+.2f} dBm, sensitivity {self.sensitivity_dbm:+.2f} dBm"
        return (
            f"{self.name}: {', '.join(terms)}; {arrives}, margin {self.margin_db:.2f} dB, slack {self.slack_db:+.2f} dB"
        )


def require_closed(budget: LinkBudget) -> None:
    """Refuse a link that does not close.

    Raises:
        ConfigError: The link lacks power; says how many dB and where most of it is lost.
    """
    if budget.closes:
        return
    terms = ", ".join(f"{loss.name} {loss.loss_db:.2f} dB" for loss in budget.largest())
    raise ConfigError(
        f"optical link {budget.name}: budget lacks {-budget.slack_db:.2f} dB: laser {budget.laser_dbm:+.2f} dBm"
        f" - losses {budget.loss_db:.2f} dB = {budget.received_dbm:+.2f} dBm, but the receiver needs"
        f" {budget.sensitivity_dbm:+.2f} dBm and a margin of {budget.margin_db:.2f} dB. Largest losses: {terms}."
        " Raise laser.power, shorten the link or cut a loss."
    )
