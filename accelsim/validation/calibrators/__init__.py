"""How a chip's calibration is fitted to measured rows, by cost model: one file per cost model."""
