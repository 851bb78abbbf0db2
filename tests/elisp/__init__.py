"""Tests of the Emacs side, in ERT; test_ert.py runs them."""
