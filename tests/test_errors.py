import pytest

from pen_backend.errors import DataError, Finding, advised


@pytest.mark.parametrize(("message", "hint", "whole"), [
    ("no text", None, "no text"),
    ("no text", "add one", "no text; add one"),
    ("There is no text.", "Add one.", "There is no text. Add one."),
    ("There is no text.", "add one", "There is no text. Add one"),
    ("unknown key 'mode'; did you mean 'model'?", "it is read as text", "unknown key 'mode'; did you mean 'model'? "
     "It is read as text"),
    ("There is no text", "Add one.", "There is no text. Add one."),
    ("There is no text.", "`text` is its key.", "There is no text. `text` is its key."),
])
def test_advice_is_a_second_sentence_or_the_second_half_of_one(message: str, hint: str | None, whole: str) -> None:
    assert advised(message, hint) == whole
    assert str(Finding("value", message, "a.jsonl:3", hint)) == f"a.jsonl:3: {whole}"
    assert str(DataError(message, where="a.jsonl:3", hint=hint)) == f"a.jsonl:3: {whole}"
