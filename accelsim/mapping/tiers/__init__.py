"""Memories behind the main one: which tensors lie there, and what it takes to bring them in."""
