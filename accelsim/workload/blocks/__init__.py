"""Blocks: what one layer of a model computes, as an operator graph; one file per kind of block."""
