"""Spatial execution: groups of operators own rectangles of tiles, weights stay, activations stream.

``groups`` cuts a model into groups, ``stream`` cuts a phase into units that walk through them, ``pricing`` prices one
group on one rectangle, ``sizing`` shares out the tiles, ``lowering`` makes the task graph, ``occupancy`` counts SRAM.
"""
