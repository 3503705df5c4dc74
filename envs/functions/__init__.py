"""Test functions with descriptors that are sums of the solution's halves."""
