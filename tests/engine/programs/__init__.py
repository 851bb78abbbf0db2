"""Small real programs with scripted behaviour, handed to the engine as its trainer and its worker."""
