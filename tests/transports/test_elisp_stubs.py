"""The generated Lisp: it is what the services say, and errors have one name in three places."""

import re
from pathlib import Path

from pen_backend.errors import PenError
from pen_backend.service.registry import build_registry, rpc
from pen_backend.transports.elisp_stubs import generate
from pen_backend.transports.serve import build

ELISP = Path(__file__).parents[2] / "elisp"


class Things:
    @rpc()
    def show_all(self, long_name: str, limit: int | None = None) -> list[str]:
        """Show the things: all of them, or LIMIT, newest first, as they stand in the book.

        A second paragraph names `limit`. It has two sentences.
        """
        return []


def test_the_committed_file_is_generated() -> None:
    assert (ELISP / "pen-rpc-methods.el").read_text() == generate(build()), "run `make stubs`"


def test_a_stub() -> None:
    text = generate(build_registry({"things": Things()}))
    assert text[text.index("(defun"):text.index("(provide")] == r'''(defun pen-rpc-things-show-all (&rest args)
  "Show the things.

All of them, or LIMIT, newest first, as they stand in the book.

A second paragraph names `limit'.  It has two sentences.

ARGS are keywords, each with its value.

\(fn &key LONG-NAME LIMIT THEN ELSE DEADLINE)"
  (pen-rpc-invoke
   "things-show-all"
   '((:long-name string required)
     (:limit (or integer null)))
   args))

'''


def test_every_kind_of_error_is_a_class_and_a_condition() -> None:
    text = (ELISP / "pen-rpc-error.el").read_text()
    found = re.search(r"defconst pen-rpc--kinds\s+'\(([^)]*)\)", text)
    assert found is not None
    assert set(found[1].split()) == {one.kind for one in PenError.__subclasses__()}


def test_a_kind_is_the_name_of_its_class() -> None:
    for one in PenError.__subclasses__():
        assert one.__name__ == "".join(word.capitalize() for word in one.kind.split("-")) + "Error"
