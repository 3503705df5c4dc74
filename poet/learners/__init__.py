"""What improves one agent in one environment."""
