"""Files in, checked values out: YAML and JSON with file:line in every message, units, sources, schemas and help."""
