"""Look at a run that fills an archive: heat maps, curves, elites and where they came from."""
