import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.nn.generation import Token
from pen_backend.engine.nn.textstream import TextStream, logprobs_json, prompt_pieces, token_name
from pen_backend.engine.nn.vocabulary import Vocabulary

TEXTS = st.text(st.sampled_from("abc \n😀é€"), max_size=30)


def stream(vocabulary: Vocabulary, text: str, stops: list[str]) -> tuple[list[str], TextStream]:
    """Feed a text byte by byte, the hardest way."""
    single = {vocabulary.token_bytes(i): i for i in range(4, vocabulary.size)}
    tokens = TextStream(vocabulary, stops)
    pieces = []
    for byte in text.encode():
        pieces.append(tokens.feed(Token(single[bytes([byte])])).text)
        if tokens.stopped:
            return pieces, tokens
    return [*pieces, tokens.finish().text], tokens


@given(TEXTS, st.lists(st.text(st.sampled_from("abc \n😀é"), min_size=1, max_size=4), max_size=4))
def test_the_earliest_stop_text_cuts_and_nothing_is_ever_taken_back(vocabulary: Vocabulary, text: str,
                                                                   stops: list[str]) -> None:
    pieces, tokens = stream(vocabulary, text, stops)
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]
    first = min((text.index(stop) for stop in stops if stop in text and text.index(stop) + len(stop) == min(ends)),
                default=len(text))

    assert "".join(pieces) == text[:first]
    assert tokens.stopped == bool(ends)


def test_text_that_may_begin_a_stop_waits_until_it_is_clear(vocabulary: Vocabulary) -> None:
    assert stream(vocabulary, "a\nb\n\nc", ["\n\n"])[0] == ["a", "", "\nb", "", ""]


def test_half_a_character_is_never_shown(vocabulary: Vocabulary) -> None:
    single = {vocabulary.token_bytes(i): i for i in range(4, vocabulary.size)}
    tokens = TextStream(vocabulary)
    pieces = [tokens.feed(Token(single[bytes([byte])])).text for byte in "a😀".encode()[:-1]]

    assert [*pieces, tokens.finish().text] == ["a", "", "", "", ""]


def test_a_broken_sequence_becomes_one_replacement_character(vocabulary: Vocabulary) -> None:
    single = {vocabulary.token_bytes(i): i for i in range(4, vocabulary.size)}
    tokens = TextStream(vocabulary)

    assert [tokens.feed(Token(single[byte])).text for byte in (b"\xf0", b"a")] == ["", "\ufffda"]


def test_tokens_come_with_the_text_they_end_in_and_their_offset(vocabulary: Vocabulary) -> None:
    tokens = TextStream(vocabulary, ["xy"], offset=10)
    a, x, b = (vocabulary.encode(character)[0] for character in "axb")

    pieces = [tokens.feed(Token(i, -1.0)) for i in (a, x, b)]

    assert [[(token.id, offset) for token, offset in piece.tokens] for piece in pieces] == [
        [(a, 10)], [], [(x, 11), (b, 12)]]


def test_tokens_of_a_stop_text_are_left_out(vocabulary: Vocabulary) -> None:
    tokens = TextStream(vocabulary, ["xy"])
    pieces = [tokens.feed(Token(vocabulary.encode(character)[0])) for character in "axy"]

    assert [len(piece.tokens) for piece in pieces] == [1, 0, 0]
    assert tokens.stopped


def test_a_token_that_is_no_character_is_named_by_its_bytes(vocabulary: Vocabulary) -> None:
    names = [token_name(vocabulary, i) for i in vocabulary.encode("é")]

    assert names in (["bytes:\\xc3", "bytes:\\xa9"], ["é"])


def test_echo_shows_reserved_tokens_by_name(vocabulary: Vocabulary) -> None:
    ids = [vocabulary.eos, *vocabulary.encode("a€")]

    assert prompt_pieces(vocabulary, [Token(i) for i in ids]).text == "<|endoftext|>a€"


def test_log_probabilities_are_shaped_as_the_contract_says(vocabulary: Vocabulary) -> None:
    a, b = vocabulary.encode("a")[0], vocabulary.encode("b")[0]
    piece = prompt_pieces(vocabulary, [Token(a), Token(b, -2.0, ((a, -0.5),))])

    assert logprobs_json(vocabulary, piece) == {
        "tokens": ["a", "b"], "token_logprobs": [None, -2.0], "text_offset": [0, 1],
        "top_logprobs": [None, {"a": -0.5, "b": -2.0}]}


@pytest.mark.parametrize("text", ["", "plain", "é", "a\nb"])
def test_an_unstopped_text_is_whole(vocabulary: Vocabulary, text: str) -> None:
    assert "".join(stream(vocabulary, text, ["\n\n"])[0]) == text
