"""The resources of the HTTP contract, one file each; `http.py` is what they share."""
