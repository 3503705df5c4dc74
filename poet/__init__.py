"""POET: environments and agents evolve together, on accelerators."""
