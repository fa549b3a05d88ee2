"""Whole runs of inference engines: what a row of a published table means, and what a simulation says of it."""
