"""Shell and Lisp of older files: what is known becomes a built-in, everything else is refused."""

import pytest

from pen_backend.prompts.ancestor.filters import SOURCES, Expression, Refusal, expression, translate
from pen_backend.prompts.filters import BUILT_IN, Filter, apply, read, written
from pen_backend.prompts.pipelines import PIPELINES


def known(value: object) -> tuple[Filter, ...]:
    """Translate filters that must be known."""
    found = translate(value)
    assert not isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize(("pipeline", "filters"), [
    ("uniqnosort", ["uniq"]), ("sed 's/- //' | uniqnosort", ["unbullet", "uniq"]), ("pen-s join ' '", [{"join": " "}]),
    ('pen-s join ", "', [{"join": ", "}]), ("pen-pretty-paragraph", ["fill"]), ("pen-c ascify", ["ascii"]),
    ("cat", []), ("awk 1", []), (r"sed 's/\s\+/ /g'", ["squeeze"]), (r"sed 's/,/\n/g'", [{"split": ","}]),
    ("tr '[:lower:]' '[:upper:]'", ["upcase"]), ("head -n 3", [{"first": 3}]),
])
def test_a_known_pipeline_becomes_built_in_filters(pipeline: str, filters: list[object]) -> None:
    assert written(known(pipeline)) == filters


def test_every_pipeline_of_the_table_is_made_of_filters() -> None:
    for pipeline, filters in PIPELINES.items():
        assert known(pipeline) == read(filters)
        assert pipeline == " ".join(pipeline.split()), "a key with two spaces would never be found"


def test_spaces_around_and_inside_a_pipeline_do_not_matter() -> None:
    assert known("  sed   's/- //' |\n uniqnosort ") == read(["unbullet", "uniq"])


def test_the_list_pipeline_keeps_the_items_and_drops_the_chatter() -> None:
    pipeline = r"sed '/^- /s/- //p' | sed '/^-/d' | sed -n '/^[a-zA-Z0-9 _-]\+$/p' | uniqnosort"
    assert apply(known(pipeline), "Here are some:\n- red\n- light blue\n- red\n") == "red\nlight blue"


def test_built_in_filters_may_be_written_into_an_older_file() -> None:
    assert written(known(["uniq", {"join": ", "}, "cat"])) == ["uniq", {"join": ", "}]
    assert written(known({"first": 2})) == [{"first": 2}]


@pytest.mark.parametrize(("value", "names"), [
    ("sort | uniq -c", "[uniq]"), ("head -n 7 | awk '{print $2}'", "[{first: NUMBER}]"), ("tr a-z upper", "[upcase]"),
    ("my-program", f"one of {BUILT_IN}"), ("(upcase-region)", f"one of {BUILT_IN}"), (5, f"one of {BUILT_IN}"),
    ({"exec": "id"}, f"one of {BUILT_IN}"), ([["uniq"]], f"one of {BUILT_IN}"),
    (["uniq", "rm -rf ~"], f"one of {BUILT_IN}"), ("uniqnosort; id", "[uniq]"), ("uniqnosort | $(id)", "[uniq]"),
])
def test_every_other_filter_is_refused_and_named_what_to_write(value: object, names: str) -> None:
    found = translate(value)
    assert isinstance(found, Refusal)
    assert found.hint == f"write {names} instead, or run it without filters (`--without-filters`)"


def test_a_filter_that_is_another_prompt_names_the_two_steps() -> None:
    found = translate("pf-tidy-up")
    assert isinstance(found, Refusal)
    assert found.hint.startswith("run that prompt first and give its answer as the value")


def test_a_long_filter_is_not_quoted_whole() -> None:
    found = translate("x" * 10_000 + " | y")
    assert isinstance(found, Refusal)
    assert len(found.message) < 200


@pytest.mark.parametrize(("written_as", "found"), [
    ("(pen-selected-text)", Expression(source="region")), ("(pen-preceding-text)", Expression(source="preceding")),
    ("(pen-preceding-text-line)", Expression(source="preceding-line")),
    ("(pen-surrounding-text)", Expression(source="surrounding")), ("(detect-language)", Expression(source="language")),
    ('(read-string "Which? ")', Expression()), ('"French"', Expression(text="French")), ("( pen-x )",
                                                                                       Expression(known=False)),
    ('(read-string (shell-command "id"))', Expression(known=False)), ("French", Expression(known=False)),
    ('(read-string "a") (shell-command "id")', Expression(known=False)), ("", Expression(known=False)),
])
def test_a_default_is_looked_up_and_never_evaluated(written_as: str, found: Expression) -> None:
    assert expression(written_as) == found


def test_every_source_of_the_table_is_found() -> None:
    assert all(expression(f" {text}\n").source == source for text, source in SOURCES.items())
