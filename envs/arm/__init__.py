"""The planar redundant arm."""
