"""Each use case as one typed method; this room knows no EPC, no argv and no HTTP."""
