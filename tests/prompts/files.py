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

# Definitions of every form, for what must hold for all of them.
MORE = {
    "labels": """
        pen: 1
        title: Labels
        prompt: "<ticket>"
        completion: <tag>
        vars: [{ticket: {type: text}}, {tag: {type: choice, choices: [billing, login]}}]
        format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\n"}
        """,
    "several": """
        pen: 1
        title: Several
        prompt: "<when> - <2> <3>\\n"
        completion: "names=<names>\\nwhen=<when>"
        vars: [when, message: {type: text}, loud: {type: bool}, names: {type: list, join: ", "}, n: {type: int}]
        format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\nEND"}
        stop-sequences: ["\\nA:"]
        max-tokens: <n>
        """,
    "spaces": """
        pen: 1
        title: Spaces
        prompt: "Code: <code> <literal> <1>"
        completion: <code>
        literals: [<literal>]
        vars: [code: {type: text}]
        format: {prompt-end: "\\n", completion-start: " =", completion-end: "###"}
        no-trim-start: on
        no-trim-end: on
        """,
    "dialogue": """
        pen: 1
        title: Dialogue
        segments:
        - {text: "<scene>\\n\\n", weight: 0}
        - {text: "Ada: <line>\\n", weight: 0.2}
        - {text: " <reply> \\n", generate: on}
        - {text: "Ada: <more> ", weight: 0.2}
        - {text: "<last>", generate: on, weight: 0.5}
        vars: [scene: {type: text}, line, reply: {type: text}, more, last: {type: text}]
        format: {prompt-end: "\\nBob:", completion-start: " ", completion-end: "\\nEND"}
        """,
    "chat": """
        pen: 1
        title: Chat
        messages:
        - {role: system, content: "Answer in <language>.\\n"}
        - {role: user, content: "<question>"}
        - {role: assistant, content: " <answer>\\n"}
        vars: [language: {default: English}, question: {type: text}, answer: {type: text}]
        stop-sequences: ["\\n\\n\\n"]
        """,
    "numbers": """
        pen: 1
        title: Numbers
        prompt: "<ticket>"
        completion: "class <tag>."
        vars: [{ticket: {type: text}}, {tag: {type: choice, choices: [billing, login, "3"]}}]
        format: {prompt-end: "\\n\\n###\\n\\n", completion-start: " ", completion-end: "\\n"}
        classes: {encode: number, start: 0, labels: [login, "3", billing]}
        """,
    "filtered": """
        pen: 1
        title: Filtered
        prompt: "List:\\n<items>\\n\\n"
        completion: "<more>"
        vars: [items: {type: list, preprocessor: [uniq, {first: 3}, number]}, more: {type: text, preprocessor: [ascii]}]
        format: {prompt-end: "\\nMore:", completion-end: " END"}
        prompt-filter: [squeeze, {join: "; "}]
        """,
}


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
