"""Optical links as physics: rates, losses that must close, and power that burns while idle.

``link`` describes a link, ``budget`` adds up its losses, ``switch`` describes a circuit switch, ``copper`` the
electrical channel to compare with, ``die_link`` the one between the dies of a package, ``load`` reads all by name and
turns them into the :class:`LinkSpec` of a level.
"""

from accelsim.hardware.optical.budget import LinkBudget, Loss, require_closed
from accelsim.hardware.optical.copper import CopperLink
from accelsim.hardware.optical.die_link import DieLink
from accelsim.hardware.optical.link import OpticalLink, Reach
from accelsim.hardware.optical.load import link_from_optics, load_optics
from accelsim.hardware.optical.switch import OpticalSwitch

__all__ = [
    "CopperLink",
    "DieLink",
    "LinkBudget",
    "Loss",
    "OpticalLink",
    "OpticalSwitch",
    "Reach",
    "link_from_optics",
    "load_optics",
    "require_closed",
]
