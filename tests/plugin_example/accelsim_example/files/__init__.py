"""YAMLs that accelsim finds by name: entry point ``accelsim.catalog``."""
