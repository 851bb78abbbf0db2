import pytest

from pen_backend.dataset.prepare import endings


def test_a_common_ending_holds_no_piece_of_a_word() -> None:
    assert endings.common_ending(["good day ->", "sad holiday ->"]) == " ->"


def test_a_common_ending_of_whole_words_is_kept() -> None:
    assert endings.common_ending(["a nice day", "a sad day"]) == " day"


def test_a_common_beginning_ends_with_a_word() -> None:
    assert endings.common_beginning(["The dog barks", "The door closes"]) == "The "


@pytest.mark.parametrize(("ending", "separator"), [
    (" ->", " ->"), ("?", None), (".", None), (" day", None), (" Answer:", " Answer:"), ("x\n\n###\n\n", "\n\n###\n\n"),
    ("x\nA: ", "\nA:"), ("\n", "\n"), ("  ", None), ("=", "="), ("#", "#"), ("|", "|"), ("*", "*"), ("-", "-"),
])
def test_a_separator_holds_a_newline_or_leads_on(ending: str, separator: str | None) -> None:
    assert next(iter(endings.separators(ending, endings.PROMPT_ENDS)), None) == separator


@pytest.mark.parametrize(("text", "separator"), [
    ("Why is that?", None), ("Why ->", " ->"), ("one\ntwo", None), ("one\n", "\n"), ("Name:", ":"),
])
def test_of_one_text_alone_only_signs_at_its_end_count(text: str, separator: str | None) -> None:
    assert next(iter(endings.separators(text, endings.PROMPT_ENDS, alone=True)), None) == separator


@pytest.mark.parametrize(("prompts", "end"), [
    (["a", "b"], " ->"), (["a\nb"], "\n\n###\n\n"), (["a -> b"], "\n\n###\n\n"),
    (["a -> b\n\n###\n\nc"], "\n\n===\n\n"), (["\n\n###\n\n\n\n===\n\n"], "\n\n---\n\n"),
    (["\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n"], "\n\n===>\n\n"),
    (["\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n", "\n\n===>\n\n"], "\n\n--->\n\n"),
    (["\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n", "\n\n===>\n\n", "\n\n--->\n\n"], "\n\n### =>\n\n"),
])
def test_the_first_separator_that_is_inside_no_prompt_is_recommended(prompts: list[str], end: str) -> None:
    assert endings.prompt_end(prompts) == end


@pytest.mark.parametrize(("completions", "other", "end"), [
    (["a"], "", "\n"), (["a"], "\n", "."), (["a\nb"], "", "."), (["a.\nb"], "", " END"),
    (["a.\nb END"], "", "***"), (["\n. END***+++&&&$$$@@@"], "", "%%%"), (["\n. END***+++&&&$$$@@@%%%"], "", " [END]"),
    (["\n. END***+++&&&$$$@@@%%% [END]"], "", "\n[END 1]"),
])
def test_the_first_end_that_is_inside_no_completion_is_recommended(completions: list[str], other: str,
                                                                   end: str) -> None:
    assert endings.completion_end(completions, other) == end


@pytest.mark.parametrize(("text", "end", "ended"), [
    ("Why? ", " ->", "Why? ->"), ("Why ->", " ->", "Why ->"), ("x \n", "\n", "x\n"), ("x\nEND", "\nEND", "x\nEND"),
    ("x END", "\nEND", "x\nEND"),
    ("WEEKEND", " END", "WEEKEND END"), ("x", "", "x"),
])
def test_a_text_has_its_end_once(text: str, end: str, ended: str) -> None:
    assert endings.with_end(text, end) == ended
