"""Tests of the services and of the registry that publishes them."""
