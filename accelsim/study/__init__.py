"""Experiments over many runs: sensitivity, break-even points."""
