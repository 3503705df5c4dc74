"""POET's two-legged walker on obstacle courses."""
