"""Phases; each module is one."""
