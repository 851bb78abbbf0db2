"""Each use case as one typed method; knows no EPC, argv or HTTP."""
