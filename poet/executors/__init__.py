"""Where compiled work runs."""
