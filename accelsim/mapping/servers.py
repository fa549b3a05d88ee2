"""Names that mapping gives to servers, links and causes of time, and that results look for."""

from accelsim.cost.causes import LINK_BYTES

#: Operators run one after another: a GPU's compute stream, a wafer region.
STREAM = "stream"
#: Collectives run one at a time, beside the stream.
COMM = "comm"
#: The host dispatches operators one after another, ahead of the device.
HOST = "host"
#: The link that streamed weights come in over, and the cause of time and level of traffic it stands for.
HOST_LINK = "host link"
#: Causes of the time of transfers between rectangles of tiles, and of those between chips.
NOC, BETWEEN_CHIPS = "noc", LINK_BYTES
#: Cause of the time in which paths of light are set: wavelengths of a station, or circuits of a switch.
SET_PATH = "setting light paths"
