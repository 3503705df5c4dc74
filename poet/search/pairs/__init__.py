"""MAP-Elites over pairs of environments and agents."""
