"""Worlds and how to make new ones; knows nothing of evolution."""
