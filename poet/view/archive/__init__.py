"""Show a run with an archive: heat maps, curves, elites and their lines of descent."""
