"""Somebody else's template: rendered as the model library does, and ended when it takes too much."""

from collections.abc import Iterator, Sequence

import pytest

from pen_backend.engine.nn.rendering import TEXT_LIMIT, Rendered, Renderer, TemplateError, place

CHATML = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(cpu_seconds=0.5) as found:
        yield found


def render(renderer: Renderer, template: str, messages: list[dict[str, str]] = MESSAGES, **names: str) -> Rendered:
    return renderer.render(template, messages, names=names, ask=False)


def test_a_chat_has_a_place_for_each_message_and_each_answer() -> None:
    def write(messages: object, ask: bool) -> str:
        return "".join(f"[{m['role'][0]}]{m['content']};" for m in messages) + "[a]" * ask  # type: ignore[attr-defined]

    found = place(write, MESSAGES, ask=True)

    assert found == Rendered("[u]Hi;[a]Ho;[a]", (6, 12), (None, 9))


def test_what_is_rendered_otherwise_alone_has_no_place() -> None:
    def refuse_one(messages: list[object], ask: bool) -> str:  # as templates do that want turns in pairs
        if len(messages) < 2:
            raise ValueError("roles must alternate")
        return "both"

    assert place(refuse_one, MESSAGES, ask=False) == Rendered("both", (None, 4), (None, None))  # type: ignore[arg-type]


def test_of_a_long_chat_only_the_end_is_placed_before_it_is_answered() -> None:
    def write(messages: Sequence[object], ask: bool) -> str:
        return "x" * len(messages)

    found = place(write, MESSAGES * 100, ask=True)

    assert found.ends == (*[None] * 136, *range(137, 201))
    assert place(write, MESSAGES * 100, ask=False).ends == tuple(range(1, 201))


def test_a_text_may_have_a_megabyte() -> None:
    def write(messages: Sequence[object], ask: bool) -> str:
        return "é" * (TEXT_LIMIT // 2 + len(messages) - 2)

    assert TEXT_LIMIT == 1 << 20
    assert len(place(write, MESSAGES, ask=False).text) == TEXT_LIMIT // 2
    with pytest.raises(TemplateError, match="more than 1,048,576 bytes"):
        place(write, [*MESSAGES, MESSAGES[0]], ask=False)


@pytest.mark.slow
def test_the_library_renders(renderer: Renderer) -> None:
    found = render(renderer, "{{ bos_token }}" + CHATML, bos_token="<s>")

    assert found.text == "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHo<|im_end|>\n"
    assert [found.text[:end].rpartition("<|im_start|>")[2] for end in found.ends] == [
        "user\nHi<|im_end|>\n", "assistant\nHo<|im_end|>\n"]


@pytest.mark.slow
@pytest.mark.parametrize(("template", "said"), [
    ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "too much time or memory"),
    ("{% set n = 9 ** 99999999 %}{{ n }}", "too much time or memory"),
    ("{{ 'aaaaaaaa' * 999999999 }}", "too much time or memory"),
    ("{{ 'a' * 9999999 }}", "more than"),
    ("{{ raise_exception('Roles must alternate') }}", "Roles must alternate"),
    ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "does not take these messages"),
    ("{% include '/etc/passwd' %}", "does not take these messages"),
    ("{% for", "does not take these messages"),
])
def test_a_template_that_misbehaves_is_refused_and_the_next_one_is_rendered(renderer: Renderer, template: str,
                                                                            said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        render(renderer, template)

    assert render(renderer, "{{ messages[0].content }}").text == "Hi"
