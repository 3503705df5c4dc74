"""The outer algorithms: pure decisions."""
