"""Runs that remember cells of one environment and the ways to them."""
