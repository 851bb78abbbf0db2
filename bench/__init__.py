"""Measurements: what pen costs, each figure as a ratio against a named peer of the same run."""
