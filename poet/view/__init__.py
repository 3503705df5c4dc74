"""Look at a run, live or dead, without its search code."""
