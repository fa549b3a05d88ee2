"""accelsim: how long a transformer takes on a machine, which bytes move where, and why."""

__version__ = "0.1.0"
