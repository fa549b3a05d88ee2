"""Cost of operators on many small cores that share a main memory over a network with multicast (Tenstorrent)."""

from accelsim.cost.manycore.model import ManycoreCost as ManycoreCost
