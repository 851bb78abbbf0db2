"""Older files as texts, and what becomes of them."""

from textwrap import dedent

from pen_backend.prompts import loader
from pen_backend.prompts.definition import Definition


def old(text: str) -> Definition:
    """Read an older file, which must load whatever its keys are."""
    return loader.parse(dedent(text).encode(), "old.prompt")


def warnings(text: str) -> list[str]:
    """List what is odd about an older file, each as the line a person reads."""
    return [str(finding) for finding in old(text).findings if finding.level == "warning"]
