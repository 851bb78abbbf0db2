"""No file makes pen fail: damaged definitions, odd values, and whatever stands in a directory of definitions."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.config import builtin_prompts
from pen_backend.errors import NotFoundError, PenError, PromptError
from pen_backend.prompts import library, loader, template
from pen_backend.prompts.definition import Definition
from tests.prompts.files import SHORT

OLDER = ("title: Older\nprompt: |\n  List of <1>:\n  <:pp><2>-\nvars: [a, b]\nexamples: [c, d]\n"
         "postprocessor: uniqnosort\n")
FILES = [OLDER.encode(), SHORT.encode(), *(path.read_bytes() for path in sorted(builtin_prompts().glob("*.yaml")))]
PIECES = [b"<1>", b"<:pp>", b": ", b"- ", b"\n", b'"', b"'", b"[", b"]", b"{", b"}", b" #", b"|", b"&a ", b"*a",
          b"!!x ", b"\t", b"\x00", b"\xff", b"\xed\xa0\x80", b"~", b"1e999", b".nan", b"on", b"?",
          b"99999999999999999999", b"-1", b"\npen: 1\n", b"\nkind: dataset\n", b"\ninclude: pun-complete\n",
          b"\nmax-tokens: <1>\n", b"\nmessages:\n", b"\nlabels-file: /etc/hostname\n", b"\nrepeater: '{}'\n",
          b"\npreprocessors: [id]\n"]
TEXTS = ["", "a", "<1>", "a\nb", "\n", " ", "\ud800", "###", "1", "true", "{}", "\u2028"]
VALUES = [*TEXTS, 1, 1.5, float("nan"), True, None, ["a", "b"], [], ["a\nb"], {"a": 1}, b"x"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A definition in which something was inserted, removed, swapped or cut off."""
    data = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["insert", "remove", "cut", "repeat"])):
            case "insert":
                data = data[:at] + draw(st.sampled_from(PIECES)) + data[at:]
            case "remove":
                data = data[:at] + data[at + draw(st.integers(1, 12)):]
            case "cut":
                data = data[:at]
            case _:
                line = data[data.rfind(b"\n", 0, at) + 1:at]
                data = data[:at] + b"\n" + line + data[at:]
    return data


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(damaged(), st.data())
def test_a_damaged_file_has_findings_with_places_or_works(data: bytes, drawn: st.DataObject) -> None:
    definition, findings = loader.check(data, "f.yaml")
    assert (definition is None) == any(finding.level == "error" for finding in findings)
    assert all(finding.where and finding.where.count(":") >= 2 for finding in findings)
    if isinstance(definition, Definition):
        use(definition, {one.name: drawn.draw(st.sampled_from(VALUES)) for one in definition.vars},
            drawn.draw(st.sampled_from(TEXTS)))


def use(definition: Definition, values: dict[str, object], text: str) -> None:
    """Do everything that is done with a definition; what is wrong with the values is ours to say."""
    uses: list[Callable[[], object]] = [
        lambda: template.render(definition, values), lambda: template.request(definition, values),
        lambda: template.render(definition.without_filters(), values),
        lambda: template.example(definition, values, [1.0] * len(definition.pieces)),
        lambda: template.parse(template.begun(definition, values), text, "stop"),
        lambda: template.format_hash(definition), lambda: definition.where("vars", 0, "x"),
    ]
    for one in uses:
        with suppress(PenError):
            one()


def test_a_directory_of_odd_things_is_read_and_every_odd_thing_is_said(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"[" * 2_000_000)
    (tmp_path / "nul.yaml").write_bytes(b"\0" * 1000)
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "we\nird:1:2.yaml").write_text("pen: 1\ntitle: W\nprompt: x\noops: 1\n")
    (tmp_path / "good.yaml").write_text("pen: 1\ntitle: Good\nprompt: x\n")
    (tmp_path / "self.prompt").write_text("title: Self\ninclude: Self\nprompt: x\n")
    (tmp_path / "directory.yaml").mkdir()
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    started = time.process_time()
    entries = {entry.slug: entry.content for entry in library.read(tmp_path)}
    assert time.process_time() - started < 5
    assert {slug: str(content.findings[0].code) for slug, content in entries.items() if isinstance(content, PromptError)
            } == {"big": "limit", "nul": "yaml", "empty": "yaml", "we-ird-1-2": "unknown-key"}
    assert {slug for slug, content in entries.items() if isinstance(content, Definition)} == {"good", "self"}


@pytest.mark.parametrize("name", ["a\0/b.yaml", "~nobody-of-this-name/x.yaml", "/dev/zero", "/", "/etc", ".yaml", "..",
                                  "", "\ud800.yaml", "x\n/y.yaml", "x/" * 3000 + "y.yaml", "x" * 5000 + ".yaml"])
def test_no_name_makes_the_library_fail(name: str, tmp_path: Path) -> None:
    with pytest.raises((NotFoundError, PromptError)):
        library.find(name, project=tmp_path)


def test_a_big_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as stream:
        stream.truncate(10**12)  # sparse: it has no blocks
    with pytest.raises(PromptError, match="more than 1,000,000 bytes"):
        loader.load(path)
