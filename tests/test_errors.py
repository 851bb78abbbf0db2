from pathlib import Path

import pytest

from pen_backend.errors import BadParamsError, DataError, Finding, advised, foreseen


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


def test_a_name_that_is_too_long_is_the_callers_and_other_errors_of_the_system_are_not() -> None:
    with pytest.raises(OSError, match="too long") as caught:
        Path("x" * 300).stat()
    said = foreseen(caught.value)
    assert isinstance(said, BadParamsError)
    assert str(said) == f"'{40 * 'x'}…' is longer than a file's name can be. Name another file."
    assert foreseen(OSError(5, "Input/output error")) is None
    assert foreseen(ValueError()) is None
    assert foreseen(said) is said
