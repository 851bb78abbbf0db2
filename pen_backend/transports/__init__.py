"""The same service methods over EPC and over the command line."""
