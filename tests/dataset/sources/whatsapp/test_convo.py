"""parse_convo: one person's messages as rows to be filled in, with nobody's name in them."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.sources.whatsapp import parse_convo
from pen_backend.errors import DataError
from tests.shared import shared

CHAT = """\
13/5/26, 10:00 - Ann Lee: Ask Ben Moss, or mail ben@example.org
13/5/26, 10:01 - Ben Moss: Cem says no
13/5/26, 10:02 - Ann Lee: <Media omitted>
13/5/26, 10:03 - Ann Lee: IMG-20260513-WA0001.jpg (file attached)
A caption for Cem
13/5/26, 10:04 - Cem: ok
13/5/26, 10:05 - Ann Lee: two
lines
13/5/26, 10:06 - Ann Lee: This message was deleted
"""


def rows(where: Path, text: str, *, user: str | None = None, remove: list[str] | None = None,
         include_user: bool = False) -> list[str]:
    (where / "chat.txt").write_text(text, encoding="utf-8")
    out = where / "deep" / "result.jsonl"
    count = parse_convo(where / "chat.txt", user, out, remove, include_user)
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert count == len(lines)
    assert all(list(line) == ["prompt", "completion"] and line["completion"] == "" for line in lines)
    return [line["prompt"] for line in lines]


def test_the_finetuners_own_example_comes_out_as_its_readme_shows(tmp_path: Path) -> None:
    cases = json.loads(shared("data/whatsapp/EXPECTED.json").read_text(encoding="utf-8"))["cases"]
    (case,) = [case for case in cases if "parse_convo" in case]
    out = tmp_path / "result.jsonl"
    parse_convo(file=str(shared("data/whatsapp") / case["file"]), export_path=str(out),
                **case["parse_convo"]["arguments"])
    assert [json.loads(line) for line in out.read_text().splitlines()] == case["parse_convo"]["rows"]


def test_people_and_addresses_are_replaced_and_captions_kept(tmp_path: Path) -> None:
    assert rows(tmp_path, CHAT, user="Ann Lee") == [
        "2026-05-13T10:00:00 - Ask Person 2, or mail [email]", "2026-05-13T10:03:00 - A caption for Person 3",
        "2026-05-13T10:05:00 - two\nlines"]


def test_the_user_may_stand_before_the_text_under_a_pseudonym(tmp_path: Path) -> None:
    assert rows(tmp_path, CHAT, user="cem", include_user=True) == ["2026-05-13T10:04:00 - Person 3: ok"]


def test_without_a_user_everybody_is_exported_but_those_who_are_removed(tmp_path: Path) -> None:
    assert rows(tmp_path, CHAT, remove=["Ann Lee", "Cem"]) == ["2026-05-13T10:01:00 - says no"]


def test_a_telephone_number_is_masked(tmp_path: Path) -> None:
    pytest.importorskip("phonenumbers")
    assert rows(tmp_path, "13/5/26, 10:00 - Ann: call +44 20 7946 0018\n") == ["2026-05-13T10:00:00 - call [phone]"]


def test_an_undecided_date_order_warns(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="day first"):
        rows(tmp_path, "1/2/26, 10:00 - Ann: a\n")


def test_a_stranger_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Nobody"):
        rows(tmp_path, CHAT, user="Dora")
    assert not list((tmp_path / "deep").iterdir())
