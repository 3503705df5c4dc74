"""Show a run, also while it is written, without importing its search."""
