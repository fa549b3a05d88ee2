"""Schedules: in which order the stages of a pipeline play their cells.  One is one file with ``@register_schedule``."""
