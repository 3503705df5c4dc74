"""Environments of other libraries. Each module imports its library only where it is used."""
