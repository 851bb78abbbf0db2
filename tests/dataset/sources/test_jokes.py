"""Joke collections: three schemas, packed or not, and every joke without a body counted."""

import json
from collections import Counter
from pathlib import Path

import pytest

from pen_backend.dataset.record import Record, Rejected
from pen_backend.dataset.sources.document import Request, documents
from pen_backend.dataset.sources.jokes import read as read_jokes
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from tests.dataset import read
from tests.shared import shared

REDDIT = {"title": "Set-up.", "body": "Punch.", "score": 3, "id": "x"}
STUPIDSTUFF = {"body": "All of it.", "category": "Misc", "rating": 2.5, "id": 1}
WOCKA = {"title": "Name", "body": "One\r\ntwo.", "category": "Misc", "id": 1}


@pytest.mark.parametrize(("joke", "text"), [
    (REDDIT, "Set-up. Punch."), (STUPIDSTUFF, "All of it."), (WOCKA, "Name One\r\ntwo.")])
def test_a_joke_is_title_and_body_in_every_schema(joke: dict[str, object], text: str, tmp_path: Path) -> None:
    (record,) = read(json.dumps([joke]).encode(), "jokes", tmp_path)
    assert isinstance(record, Record)
    assert record.fields["joke"] == record.fields["text"] == text
    assert record.fields["id"] == joke["id"]


@pytest.mark.parametrize("form", ["array", "pretty", "lines"])
def test_an_array_and_lines_are_the_same(form: str, tmp_path: Path) -> None:
    odd: dict[str, object] = {"body": "a } in ] a { text \\\" \u00e9", "nested": {"a": [1, {"b": "}"}]}}
    jokes: list[dict[str, object]] = [REDDIT, STUPIDSTUFF, odd]
    content = {"array": json.dumps(jokes), "pretty": json.dumps(jokes, indent=1),
               "lines": "\n".join(map(json.dumps, jokes))}[form]
    found = read(content.encode(), "jokes", tmp_path)
    assert [each.fields["body"] for each in found if isinstance(each, Record)] == [joke["body"] for joke in jokes]


def test_bad_records_hide_no_good_ones(tmp_path: Path) -> None:
    found = read(b'[{"body": "a"}, 3, {"title": "t"}, {"body": 5}, {"body": " "}, {"body": "\\q"}, {"body": "b"}]',
                 "jokes", tmp_path)
    assert [getattr(each, "code", None) for each in found] == [
        None, "not-an-object", "no-field", "text-list-type", "empty", "json", None]


def test_an_array_larger_than_the_window_is_read_whole(tmp_path: Path) -> None:
    jokes = [{"body": f"{number} " + "x" * (number % 7 * 1000), "more": [{"n": "}" * (number % 5)}]}
             for number in range(900)]
    found = read(json.dumps(jokes).encode(), "jokes", tmp_path)
    assert [each.fields["body"] for each in found if isinstance(each, Record)] == [joke["body"] for joke in jokes]


@pytest.mark.parametrize("content", [
    b'[{"body": "a"}', b'[{"body": "a"} {"body": "b"}]', b'[{"body": "a"}] x', b'[{"body": "a'])
def test_a_torn_array_is_an_error_with_its_line(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(content, "jokes", tmp_path)
    assert caught.value.where == "file:1"


@pytest.mark.parametrize(("name", "records", "empty"), [
    ("taivop_stupidstuff.json.gz", 3773, 573), ("reddit_jokes_yasuf_1395.json.gz", 1395, 1),
    ("wocka_mit_subset.json.gz", 4092, 8)])
def test_the_real_collections_are_read_whole(name: str, records: int, empty: int) -> None:
    path = shared(f"data/jokes/{name}")
    source = Source(path=str(path))
    (document,) = documents(source, name, path.parent)
    counted = Counter(each.code if isinstance(each, Rejected) else "kept"
                      for each in read_jokes(document, Request(source)))
    assert counted == {"kept": records - empty, "empty": empty}
