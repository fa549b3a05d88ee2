"""Placement: rectangles of tiles for groups of operators.  A placer is one file with ``@register_placer``."""
