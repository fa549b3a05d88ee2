"""Published rates of whole systems: what a row states, what is left out and why, and what ours is."""
