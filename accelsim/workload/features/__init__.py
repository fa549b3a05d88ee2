"""Features: what a layer can have, each with its fields, defaults, checks and keys of configs; one file each."""
