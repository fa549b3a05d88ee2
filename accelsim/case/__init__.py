"""What decides a run: the case, its options, its file form, and what its names stand for."""
