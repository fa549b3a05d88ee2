"""Seconds and bytes of one operator on one region of cores, by kind of machine."""
