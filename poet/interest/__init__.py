"""Is a task worth doing next? Judges answer."""
