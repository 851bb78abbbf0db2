"""The resources of the HTTP contract, one file each.

`application.py` puts them together, `guard.py` stands in front of them, `http.py` is what they share.
"""
