"""Definitions as texts, and what the loader says about them."""

from textwrap import dedent

from pen_backend.prompts import loader
from pen_backend.prompts.definition import Definition

SHORT = """\
pen: 1
title: Short
prompt: <a>
completion: <b>
vars: [a, b]
format: {prompt-end: "\\n", completion-end: END}
"""


def define(text: str) -> Definition:
    """Read a definition that must be good."""
    return loader.parse(dedent(text).encode(), "t.yaml")


def say(text: str, *, level: str = "error") -> list[str]:
    """List what is found, each as the line a person reads."""
    _, findings = loader.check(dedent(text).encode(), "t.yaml")
    return [str(finding) for finding in findings if finding.level == level]


def codes(text: str) -> list[str]:
    """List the ids of what is found."""
    _, findings = loader.check(dedent(text).encode(), "t.yaml")
    return [finding.code for finding in findings]
