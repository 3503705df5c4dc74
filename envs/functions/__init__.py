"""Test functions for quality-diversity search: sphere and Rastrigin, with one objective or two."""
