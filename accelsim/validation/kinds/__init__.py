"""What the rows of a suite are, and how they are compared: one file per kind, found by ``through:`` in the index."""
