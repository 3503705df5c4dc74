"""Environments, generators of environments, and problems. Independent of agents and search algorithms."""
