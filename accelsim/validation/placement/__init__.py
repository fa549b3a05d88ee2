"""Placement judged on neutral ground: public problems whose best known values are published."""
