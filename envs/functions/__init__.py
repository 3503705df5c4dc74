"""Test functions; descriptors are sums of the solution's halves, or of two objectives its first coordinates."""
