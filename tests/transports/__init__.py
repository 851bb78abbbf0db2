"""Tests of the link to Emacs and of the command line."""
