"""The tests; they sit where the code they test does."""
