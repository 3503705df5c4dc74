"""Sinks: what receives the journal rows of a run while it is written, as an experiment tracker."""
