import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from pen_backend.errors import BadParamsError, DataError, PenError, TooLargeError
from pen_backend.service.shapes import Parameter, Text, parse
from pen_backend.transports.epc_codec import dumps, loads
from pen_backend.transports.readers import arguments
from pen_backend.transports.transfer import MOST, read_text

TEXT = "größe\r\n\0😀 " * 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_bytes(TEXT.encode())
    path.chmod(0o600)
    return path


def given(path: Path, **other: Any) -> dict[str, object]:
    data = path.read_bytes() if path.is_file() else b""
    return {":file": str(path), ":bytes": len(data), ":sha256": hashlib.sha256(data).hexdigest(),
            **{f":{name}": value for name, value in other.items()}}


def test_a_text_parameter_takes_a_file(file: Path) -> None:
    read = arguments([Parameter("text", parse(Text | None, "x"), True)], "m")
    one = given(file)
    plist = f"(:text (:file {dumps(one[':file'])} :bytes {one[':bytes']} :sha256 {dumps(one[':sha256'])}))"
    assert read(loads(plist)) == {"text": TEXT}
    assert read(loads('(:text "as ever")')) == {"text": "as ever"}
    assert read(loads("(:text nil)")) == {"text": None}


@pytest.mark.parametrize("other", [{"sha256": "0" * 64}, {"sha256": "é"}, {"bytes": 3}, {"bytes": 10**8},
                                   {"bytes": -1}])
def test_what_is_not_as_announced_is_refused(file: Path, other: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        read_text(given(file, **other), "text")


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(DataError, match="cannot be opened"):
        read_text({**given(file), ":file": str(link)}, "text")


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    file.chmod(0o644)
    with pytest.raises(DataError, match="alone"):
        read_text(given(file), "text")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (fifo, tmp_path, tmp_path / "none"):
        with pytest.raises(DataError):
            read_text(given(path), "text")


def test_a_raw_byte_is_told_by_its_position_in_characters(file: Path) -> None:
    file.write_bytes("é".encode() * 10 + b"\xff")
    with pytest.raises(DataError, match="at position 11"):
        read_text(given(file), "text")


@pytest.mark.parametrize("other", [{"more": 1}, {"file": 7}, {"file": "relative"}, {"file": "/a\0b"}, {"bytes": "7"}])
def test_what_does_not_describe_a_file_is_refused(file: Path, other: dict[str, Any]) -> None:
    with pytest.raises(BadParamsError):
        read_text(given(file, **other), "text")


def test_the_limit(file: Path) -> None:
    with pytest.raises(TooLargeError, match=str(MOST)):
        read_text(given(file, bytes=MOST + 1), "text")
    with pytest.raises(PenError) as caught:
        read_text(given(file, bytes=MOST), "text")
    assert caught.value.kind == "data"  # not that size, but allowed
