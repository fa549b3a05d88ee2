"""Names of the servers of one rank in a task graph."""

#: Operators run one after another: a GPU's compute stream, a wafer region.
STREAM = "stream"
#: Collectives run one at a time, beside the stream.
COMM = "comm"
#: The host dispatches operators one after another, ahead of the device.
HOST = "host"
