"""Ways to quantise a checkpoint: what a section of a config says of the weights; one file per method."""
