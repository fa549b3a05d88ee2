"""How the rows of a measured table are priced, by cost model: one file per cost model that takes tables."""
