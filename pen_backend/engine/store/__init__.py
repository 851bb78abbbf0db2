"""What the engine keeps.

store.py       the database and the blobs
migrations.py  how the database of an older pen becomes one of this pen
integrity.py   whether the database still is what was written
ballast.py     room kept for the moment when the disk is full
uploads.py     the files table
blobs.py       blobs being written
hashing.py     the hash of a model's directory
schema/        the numbered SQL files
"""

from pen_backend.engine.store.ballast import BALLAST_BYTES
from pen_backend.engine.store.blobs import CHUNK, BlobWriter
from pen_backend.engine.store.hashing import NOT_THE_MODEL, hash_directory
from pen_backend.engine.store.store import Store
from pen_backend.engine.store.uploads import add_file, find_file

__all__ = ["BALLAST_BYTES", "CHUNK", "NOT_THE_MODEL", "BlobWriter", "Store", "add_file", "find_file", "hash_directory"]
