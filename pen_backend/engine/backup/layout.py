"""What a backup holds, by name: the database, contents, models, bases and unfinished jobs; no key, log or token.

`store.json` comes first and says what it is; `manifest.json` comes last and has the hash and size of every other file.
"""

import re

FORMAT = 1
ABOUT, DATABASE, MANIFEST = "store.json", "pen.db", "manifest.json"
FOLDERS = ("blobs", "bases", "models", "jobs")
EVENTS = "events.jsonl"  # of a job: the one file that grows while it is copied
FILES_MOST = 1_000_000
ABOUT_BYTES = 1 << 20
MANIFEST_BYTES = 256 << 20

JOB = r"ftjob-[A-Za-z0-9]{24}"
_KINDS = ("", ".safetensors", ".json", ".jsonl", ".csv", ".jinja", ".txt", ".model", ".md")
_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{2})/([0-9a-f]{62})")
_OF_JOB = re.compile(rf"(jobs|models)/{JOB}/.+")
_PART, _PARTS, _LENGTH = 255, 8, 1000


def allowed(name: str) -> bool:
    """Say whether a backup may hold a file of this name: below the store's own folders, and never program code."""
    if name == DATABASE or blob_of(name) is not None:
        return True
    parts = name.split("/")
    return (name.startswith("bases/") or _OF_JOB.fullmatch(name) is not None) and 2 < len(parts) <= _PARTS and len(
        name) <= _LENGTH and all(map(is_plain, parts)) and _kind(parts[-1]) in _KINDS and parts[-1] != "lock"


def is_plain(part: str) -> bool:
    """Say whether PART is a name that leads nowhere else and hides nothing."""
    return 0 < len(part.encode("utf-8", "replace")) <= _PART and part[0] != "." and ".tmp-" not in part and all(
        letter.isalnum() or letter in "._-+" for letter in part)


def blob_of(name: str) -> str | None:
    """Return the hash that a blob's name stands for; None if it is no blob's."""
    found = _BLOB.fullmatch(name)
    return None if found is None else found[1] + found[2]


def _kind(name: str) -> str:
    return "." + name.rpartition(".")[2] if "." in name else ""
