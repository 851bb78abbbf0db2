"""Where jobs run; one module a kind of place, imported only when it is chosen."""
