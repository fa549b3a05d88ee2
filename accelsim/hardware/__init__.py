"""Hardware as frozen descriptions: chips, memories, links, levels, systems, and how they are loaded."""
