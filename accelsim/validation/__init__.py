"""Error against measurements, with the measurements."""
