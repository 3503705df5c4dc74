"""Agents: policies, and episodes of many agents at once."""
