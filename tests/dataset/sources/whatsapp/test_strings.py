"""The table of what WhatsApp writes, and what a user may add to it."""

import re
from pathlib import Path

import pytest

from pen_backend.dataset.sources.whatsapp.bodies import read
from pen_backend.dataset.sources.whatsapp.headers import Headers
from pen_backend.dataset.sources.whatsapp.strings import KEYS, LINES, fingerprint, folded, load
from pen_backend.errors import ConfigError


def test_every_key_has_texts_and_none_stands_twice() -> None:
    table = load(Path("absent.yaml")).table
    assert set(table) == set(KEYS)
    for key, texts in table.items():
        assert texts
        assert len(set(texts)) == len(texts), key


def test_some_forty_languages_are_known() -> None:
    table = load(Path("absent.yaml")).table
    assert all(len(table[key]) >= 40 for key in LINES if key != "call")


def test_capitals_spaces_brackets_and_the_full_stop_do_not_matter() -> None:
    assert folded(" <Media\u00a0 Omitted.> ") == folded("media omitted") == "media omitted"


def test_a_user_adds_a_language(tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.yaml"
    path.write_text("image: [bildo forlasita]\npm: [ptm., .vesp, ' nok ']\nbetween: [je]\n", encoding="utf-8")
    strings = load(path)
    assert read("bildo forlasita", strings).media == "image"
    assert read("image omitted", strings).media == "image"
    for half in ("ptm", ".vesp", "vesp", "nok", "pm"):
        header = Headers(strings).find(f"13.06.18 je 9:25 {half} - a: m")
        assert header is not None
        assert header.timestamp("dmy") == "2018-06-13T21:25:00"


def test_what_a_user_adds_decides_a_build(tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.yaml"
    assert fingerprint(path) is None
    path.write_text("image: [a]\n")
    first = fingerprint(path)
    path.write_text("image: [b]\n")
    assert first != fingerprint(path) is not None


@pytest.mark.parametrize(("text", "says"), [
    ("imagen: [a]", r"whatsapp.yaml:1:1.*Unknown key 'imagen'.*'image'"), ("image: a", "must be a list of texts"),
    ("image: [1]", "must be a list of texts"), ("image: [a", "whatsapp.yaml"), ("image: ['.']", "must be a list"),
])
def test_a_broken_table_is_an_error_with_its_place(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "whatsapp.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert re.search(says, str(caught.value))
