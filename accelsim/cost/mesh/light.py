"""Sums and gathers of lines of cores over waveguides: trees and buses of whole wavelengths above the mesh.

The cores of a cluster add up over the mesh as always; the stations of the clusters then exchange in stages of
``radix`` stations each.  In a stage every station of a group sends to all others of it and each adds what it reads:
with a radix of 2 that is a tree of exchanges, with one of all stations a bus on which each reads all others::

    stage i:  r = radix,  stations r^i apart,  r^(i+1) senders over the fullest stretch
              conversion + (r - 1) r^i x flight + rounds x bytes / (k x wavelength) + add of r - 1 vectors
              k = floor(min(wavelengths / r^(i+1), transceivers / (r - 1))), at least 1, else in rounds

Light that more stations read must be stronger: a stage whose budget does not close is not taken.

Not modelled: operators of several groups that share a station; rows and columns that wait for each other's turn.

Source:
    Recursive multiplying, e.g. Ruefenacht, Bull, Booth, *Generalisation of recursive doubling for AllReduce*, 2017;
    shared-bus broadcast by splitting, e.g. Kirman et al., *Leveraging Optical Technology in Future Bus-based Chip
    Multiprocessors*, MICRO 2006.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.elementwise import Values
from accelsim.cost.mesh.machine import MeshCost, MeshMachine
from accelsim.cost.shares import ceil_div
from accelsim.hardware.optical.array import LightArray

Array = NDArray[np.float64]

#: Stations that exchange at once; the largest covers any array.
RADICES = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of an exchange between the stations of a line.

    Attributes:
        readers: Stations that each sender's light goes to; 0 where there is no such stage.
        apart: Distance of neighbours of a group, in stations.
        wavelengths: Whole wavelengths of each sender and direction.
        rounds: Turns that the senders take, where there are too few wavelengths or receivers for all at once.
        slack_db: Light to spare of the farthest way.
    """

    readers: Array
    apart: float
    wavelengths: Array
    rounds: Array
    slack_db: Array

    @property
    def closes(self) -> Array:
        """Whether there is enough light, or no such stage."""
        return np.asarray((self.readers == 0) | (self.slack_db >= 0.0))


def stages(light: LightArray, stations: Values, radix: int) -> Iterator[Stage]:
    """Stages of an exchange over lines of ``stations`` stations, each of ``radix`` at most.

    Args:
        light: The stations.
        stations: Of a line, an array.
        radix: Stations that exchange at once.
    """
    for index in range(math.ceil(math.log(max(2.0, float(np.max(stations))), radix) - 1e-9)):
        apart = float(radix**index)
        members = np.minimum(radix, ceil_div(stations, np.asarray(apart)))
        readers = np.where(apart < stations, members - 1, 0.0)
        crossing = np.maximum(np.minimum(members * apart, stations), 1.0)
        taken = np.maximum(readers, 1.0)
        share = np.minimum(light.num_channels / crossing, light.transceivers / taken)
        rounds = np.ceil(np.maximum(crossing / light.num_channels, taken / light.transceivers) - 1e-9)
        slack_db = light.slack_db(readers * apart, readers)
        yield Stage(readers, apart, np.maximum(np.floor(share), 1.0), np.maximum(rounds, 1.0), slack_db)


def exchanges(
    machine: MeshMachine, light: LightArray, elements: Values, line: Values, lines: Values, *, gathers: bool = False
) -> Iterator[MeshCost]:
    """Time between stations by each radix, from the words at the stations to the result at all of them.

    Args:
        machine: The cores, which add.
        light: The stations.
        elements: Vector of each line: summed over the stations, or gathered from them.
        line: Cores of one line.
        lines: Lines side by side; those of one cluster share its stations.
        gathers: Whether stations hold parts of the vector that all get, instead of summands.
    """
    stations, shared = ceil_div(line, np.asarray(float(light.cluster))), np.minimum(lines, light.cluster)
    rows = ceil_div(lines, np.asarray(float(light.cluster)))
    message = elements * machine.element_bytes * shared
    for radix in (radix for radix in RADICES if radix < 2 * float(np.max(stations))):
        total = MeshCost(optical_noc=2 * machine.words(elements))
        for stage in stages(light, stations, radix):
            sent = message * np.minimum(stage.apart / stations, 1.0) if gathers else message
            total = total + _stage_cost(machine, light, stage, sent, None if gathers else elements, stations * rows)
        yield total


def _stage_cost(
    machine: MeshMachine, light: LightArray, stage: Stage, sent: Values, summed: Values | None, stations: Values
) -> MeshCost:
    """One stage; infinite where its light does not suffice."""
    takes_part = stage.readers > 0
    rate = stage.wavelengths * light.channel_bytes_per_s
    seconds = light.conversion_s + stage.readers * stage.apart * light.flight_s + stage.rounds * sent / rate
    cycles = seconds * machine.clock_hz
    if summed is not None:
        more = np.maximum(stage.readers - 1, 0.0) * np.ceil(summed / machine.lanes)
        cycles = cycles + machine.parameters.stage_cycles + more
    ends = stage.wavelengths * (light.laser_w(stage.slack_db) + light.ring_w * (1 + stage.readers))
    return MeshCost(
        optical_noc=np.where(stage.closes, np.where(takes_part, cycles, 0.0), np.inf),
        optical_bytes=np.where(takes_part, stage.readers * sent * stations, 0.0),
        light_w=np.where(takes_part, 2 * ends * stations, 0.0),  # into both directions
    )
