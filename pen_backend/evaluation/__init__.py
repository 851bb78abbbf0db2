"""Base against tuned, measured."""
