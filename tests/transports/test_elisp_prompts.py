"""The definitions that come with pen, as Emacs reads them before it has asked for any."""

from pathlib import Path

from pen_backend.transports.elisp_prompts import generate

ELISP = Path(__file__).parents[2] / "elisp"


def test_the_committed_file_is_generated() -> None:
    assert (ELISP / "pen-prompts.el").read_text() == generate(), "run `make stubs`"


def test_nothing_of_this_machine_is_in_it() -> None:
    assert '("pf-pun-complete/1" . "Pun complete: ' in generate()
    assert ":path nil" in generate()
    assert str(Path.home()) not in generate()
