"""Settings of the whole suite."""

from hypothesis import settings

# How long an example takes on a machine that others use too says nothing about whether it is right.
settings.register_profile("accelsim", deadline=None)
settings.load_profile("accelsim")
