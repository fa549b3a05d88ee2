"""Executions: the ways in which chips run their share of a model."""
