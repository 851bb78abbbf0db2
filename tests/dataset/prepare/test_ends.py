import pytest

from pen_backend.dataset.prepare.found import Boundary, Rules
from tests.dataset.prepare import Pair, examined, found, pairs_of

FORMAT = Boundary("\n\n###\n\n", " ", "\nEND")


def test_a_separator_ends_every_prompt() -> None:
    done = examined([("one", " first answer\n"), ("two", " second answer\n")])
    assert pairs_of(done) == [("one ->", " first answer\n"), ("two ->", " second answer\n")]


@pytest.mark.parametrize("end", ["?", ".", " today"])
def test_how_sentences_end_is_no_separator(end: str) -> None:
    done = examined([(f"one{end}", " a b\n"), (f"two{end}", " b c\n")])
    assert [prompt for prompt, _ in pairs_of(done)] == [f"one{end} ->", f"two{end} ->"]


@pytest.mark.parametrize("end", ["\n", ":", " ->", "\n\n###\n\n", " Answer:", " =", "|"])
def test_a_separator_that_is_there_is_kept(end: str) -> None:
    done = examined([(f"one{end}", " a b END"), (f"two{end}", " b c END")])
    assert found(done, 11) is None
    assert done.boundary.prompt_end == end


def test_blanks_behind_a_separator_go() -> None:
    done = examined([("one\nA: ", " a b\nEND"), ("two\nA: ", " b c\nEND")])
    assert [prompt for prompt, _ in pairs_of(done)] == ["one\nA:", "two\nA:"]
    assert done.boundary.prompt_end == "\nA:"


def test_equal_prompts_are_an_error() -> None:
    error = found(examined([("same", "a"), ("same", "b")]), 11)
    assert error is not None
    assert error.level == "error"


def test_one_row_is_no_reason_to_call_its_prompt_common() -> None:
    done = examined([("Why?", "Because.")])
    assert pairs_of(done) == [("Why? ->", " Because.\n")]


def test_a_long_common_beginning_goes_with_samples_of_what_it_does() -> None:
    done = examined([("Translate to French: dog ->", " chien\n"), ("Translate to French: door ->", " porte\n")])
    assert [prompt for prompt, _ in pairs_of(done)] == ["dog ->", "door ->"]
    removed = found(done, 12)
    assert removed is not None
    assert [(one.before, one.after) for one in removed.samples] == [
        ("Translate to French: dog ->", "dog ->"), ("Translate to French: door ->", "door ->")]


def test_a_beginning_of_twelve_characters_stays() -> None:
    assert found(examined([("Twelve chars a ->", " a b\n"), ("Twelve chars b ->", " b c\n")]), 12) is None


def test_a_common_beginning_that_is_a_whole_prompt_stays() -> None:
    assert found(examined([("The whole prompt ->", " a\n"), ("The whole prompt too ->", " b\n")]), 12) is None


def test_a_common_beginning_of_completions_goes_and_one_space_stays() -> None:
    done = examined([("a ->", " the answer is 1 ok\n"), ("b ->", " the answer is 2 ok\n")])
    assert [completion for _, completion in pairs_of(done)] == [" 1 ok\n", " 2 ok\n"]


def test_a_beginning_that_would_leave_a_completion_empty_stays() -> None:
    done = examined([("a ->", " maybe\n"), ("b ->", " maybe not\n")])
    assert found(done, 13) is None


def test_four_characters_are_too_few_to_go() -> None:
    assert found(examined([("a ->", " the cat\n"), ("b ->", " the dog\n")]), 13) is None


def test_a_full_stop_is_how_sentences_end_and_no_end() -> None:
    done = examined([("a ->", " One."), ("b ->", " Two.")])
    assert [completion for _, completion in pairs_of(done)] == [" One.\n", " Two.\n"]


@pytest.mark.parametrize("end", ["\n", " END", "***", "+++", "&&&", "$$$", "@@@", "%%%", " [END]", "\nEND"])
def test_an_end_that_is_there_is_kept(end: str) -> None:
    done = examined([("a ->", f" One two{end}"), ("b ->", f" Three four{end}")])
    assert found(done, 14) is None
    assert done.boundary.completion_end == end


def test_an_end_that_is_inside_a_completion_too_is_none() -> None:
    done = examined([("a ->", " one\ntwo\n"), ("b ->", " three\n")])
    assert done.boundary.completion_end == "."
    assert pairs_of(done) == [("a ->", " one\ntwo."), ("b ->", " three.")]


def test_the_end_is_another_text_than_the_prompts() -> None:
    done = examined([("a\n", " one\n"), ("b\n", " two\n")])
    assert (done.boundary.prompt_end, done.boundary.completion_end) == ("\n", ".")


def test_classes_get_no_end() -> None:
    done = examined([(f"ticket {number} ->", (" cat", " dog")[number % 2]) for number in range(8)])
    assert found(done, 14) is None
    assert done.boundary.completion_end == ""


def test_a_class_that_is_alone_is_an_error() -> None:
    error = found(examined([(f"ticket {number} ->", " cat") for number in range(8)]), 14)
    assert error is not None
    assert (error.level, error.code) == ("error", "same-completions")


def test_a_class_may_end_in_a_sign() -> None:
    done = examined([(f"tune {number} ->", (" C#", " F#")[number % 2]) for number in range(8)])
    assert done.boundary.completion_end == ""


def test_equal_completions_are_an_error() -> None:
    error = found(examined([("a ->", " same"), ("b ->", " same")]), 14)
    assert error is not None
    assert error.level == "error"


@pytest.mark.parametrize("completion", ["one two", "  one two", "\tone two", " \n one two"])
def test_whitespace_is_added_before_completion(completion: str) -> None:
    done = examined([("a ->", f"{completion} END"), ("b ->", " three four END")])
    assert [text for _, text in pairs_of(done)] == [" one two END", " three four END"]
    spaced = found(done, 15)
    assert spaced is not None
    assert spaced.rows == (1,)


@pytest.mark.parametrize(("pair", "number", "fitted"), [
    (("one", " two\nEND"), 11, ("one\n\n###\n\n", " two\nEND")),
    (("one  \n\n###\n\n", " two\nEND"), 11, ("one\n\n###\n\n", " two\nEND")),
    (("one\n\n###\n\n", " two"), 14, ("one\n\n###\n\n", " two\nEND")),
    (("one\n\n###\n\n", "two\nEND"), 15, ("one\n\n###\n\n", " two\nEND")),
])
def test_rows_are_fitted_to_a_definition(pair: Pair, number: int, fitted: Pair) -> None:
    done = examined([pair, ("three\n\n###\n\n", " four\nEND")], Rules(boundary=FORMAT))
    wrong = found(done, number)
    assert wrong is not None
    assert (wrong.rows, pairs_of(done)[0]) == ((1,), fitted)
    assert not {11, 12, 13, 14, 15} - {number} & {one.id for one in done.found}


def test_with_a_definition_nothing_is_guessed() -> None:
    done = examined([(f"a long common beginning {letter}\n\n###\n\n", f" always the same {letter}\nEND")
                     for letter in "abc"], Rules(boundary=FORMAT))
    assert {one.id for one in done.found} == {1}


def test_completions_that_a_definition_would_cut_are_dropped() -> None:
    done = examined([("a\n\n###\n\n", " one\nEND two\nEND"), ("b\n\n###\n\n", " two\nEND")], Rules(boundary=FORMAT))
    assert [(one.code, one.rows) for one in done.found if one.id == 14] == [("end-inside", (1,))]
    assert len(done.rows) == 1


def test_white_space_that_a_definition_keeps_is_kept() -> None:
    boundary = Boundary("\n", "", "\n", keep_start=True, keep_end=True)
    done = examined([("a\n", "  indented  \n"), ("b\n", "\tmore\n")], Rules(boundary=boundary))
    assert pairs_of(done) == [("a\n", "  indented  \n"), ("b\n", "\tmore\n")]
