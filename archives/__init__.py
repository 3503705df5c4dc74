"""Memory of what was found; knows nothing of worlds."""
