"""The 92 files of pen.el's own collection: real keys, real filters, real examples. They are read and never shipped."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from pen_backend.errors import RefusedError
from pen_backend.prompts import library, loader, template
from pen_backend.prompts.ancestor.filters import Refusal, expression, translate
from pen_backend.prompts.definition import Definition
from tests.prompts.ancestor.watch import watched
from tests.shared import shared


@pytest.fixture(scope="module")
def corpus() -> Path:
    return shared("data/ancestor-prompts")


@pytest.fixture(scope="module")
def files(corpus: Path) -> list[Path]:
    return sorted(corpus.glob("*.prompt"))


@pytest.fixture(scope="module")
def definitions(files: list[Path]) -> dict[Path, Definition]:
    return {path: loader.load(path) for path in files}


@pytest.fixture(scope="module")
def written(files: list[Path]) -> dict[Path, dict[str, object]]:
    """The same files as PyYAML alone reads them."""
    return {path: yaml.safe_load(path.read_text()) for path in files}


def listed(old: dict[str, object], key: str) -> list[object]:
    value = old.get(key)
    return value if isinstance(value, list) else []


def values(old: dict[str, object]) -> dict[str, str]:
    """A file's own examples by their numbers, and a text where it has none."""
    examples = [str(one) for one in listed(old, "examples")]
    count = len(listed(old, "vars"))
    return {str(number): text for number, text in enumerate([*examples, *["a text"] * count][:count], 1)}


def sequential(template_text: str, filled: dict[str, str]) -> str:
    """Substitute one variable after the other, as pen.el does."""
    text = template_text.replace("<:pp>", "")
    for number, value in filled.items():
        text = text.replace(f"<{number}>", value)
    return text.rstrip("\n")


def test_all_files_load(definitions: dict[Path, Definition]) -> None:
    assert len(definitions) == 92
    assert not [finding for one in definitions.values() for finding in one.findings if finding.level == "error"]


def test_all_files_render_byte_for_byte_like_sequential_substitution(
        definitions: dict[Path, Definition], written: dict[Path, dict[str, object]]) -> None:
    for path, definition in definitions.items():
        filled = values(written[path])
        rendered = template.render(definition.without_filters(), filled).prompt
        assert rendered == sequential(str(written[path]["prompt"]), filled), path.name


def test_all_files_find_their_variables_by_name_too(definitions: dict[Path, Definition],
                                                    written: dict[Path, dict[str, object]]) -> None:
    for path, definition in definitions.items():
        filled = values(written[path])
        by_name = {variable.name: filled[str(number)] for number, variable in enumerate(definition.vars, 1)}
        assert template.render(definition, by_name) == template.render(definition, filled), path.name


def test_values_that_look_like_placeholders_come_out_as_they_are(definitions: dict[Path, Definition]) -> None:
    for path, definition in definitions.items():
        names = [variable.name for variable in definition.asked]
        text = "<1> <2> <3> <:pp>" + "".join(f" <{name}>" for name in names)
        prompt = template.render(definition.without_filters(), dict.fromkeys(names, text)).prompt
        assert prompt.count(text) >= len(names), path.name


def test_a_request_has_the_prompt_that_was_rendered(definitions: dict[Path, Definition],
                                                    written: dict[Path, dict[str, object]]) -> None:
    for path, definition in definitions.items():
        raw, filled = definition.without_filters(), values(written[path])
        if isinstance(raw.max_tokens, str):
            filled["2"] = "30"
        assert template.request(raw, filled)["prompt"] == template.render(raw, filled).prompt, path.name


def test_equal_keys_are_a_warning_with_both_lines(definitions: dict[Path, Definition]) -> None:
    repeated = {path.stem: finding.message for path, definition in definitions.items()
                for finding in definition.findings if finding.code == "duplicate-key"}
    assert sorted(repeated) == ["annotate-with-commentary", "explainshell", "infer-intrasentence", "word-for"]
    assert all("'issues' stands here again after line" in message for message in repeated.values())


def test_most_filters_are_known_and_the_others_are_refused(written: dict[Path, dict[str, object]]) -> None:
    single = ("postprocessor", "prompt-filter", "pen-collation-postprocessor", "hpostprocessor")
    filters = {path: [one for one in [*(old.get(key) for key in single), *listed(old, "preprocessors")]
                      if one is not None] for path, old in written.items()}
    known = {path: [not isinstance(translate(one), Refusal) for one in some] for path, some in filters.items() if some}
    assert sum(map(len, known.values())) == 55
    assert sum(map(sum, known.values())) == 38
    assert (len(known), sum(map(all, known.values()))) == (39, 23)


def test_all_defaults_but_one_are_known(written: dict[Path, dict[str, object]]) -> None:
    defaults = [str(one) for old in written.values() for one in listed(old, "var-defaults")]
    assert Counter(expression(one).known for one in defaults) == {True: 15, False: 1}


def test_a_file_with_a_refused_filter_is_marked_and_only_runs_without_filters(
        definitions: dict[Path, Definition], written: dict[Path, dict[str, object]]) -> None:
    refusing = {path: one for path, one in definitions.items() if one.refused}
    assert len(refusing) == 14
    for path, definition in refusing.items():
        assert any(finding.code == "filter-refused" for finding in definition.findings)
        with pytest.raises(RefusedError, match=r":[0-9]+:[0-9]+: .* (?:Write|Run) .*`--without-filters`") as caught:
            template.request(definition, values(written[path]))
        assert str(caught.value.where).startswith(f"{path}:")
        assert template.request(definition.without_filters(), values(written[path]))["prompt"]


def test_the_model_of_all_files_is_retired(definitions: dict[Path, Definition]) -> None:
    assert not any(definition.model for definition in definitions.values())
    engines = Counter(definition.ancestor.engine for definition in definitions.values() if definition.ancestor)
    assert engines == {"davinci": 88, "davinci-instruct-beta": 3, None: 1}


def test_every_file_stays_reachable_by_a_name_of_its_own(corpus: Path) -> None:
    entries = library.read(corpus)
    assert len({entry.slug for entry in entries}) == 92
    assert not [entry for entry in entries if not isinstance(entry.content, Definition)]
    numbered = [entry for entry in entries if isinstance(entry.content, Definition)
                and any(finding.code == "slug-clash" for finding in entry.content.findings)]
    assert len(numbered) == 3
    assert sum(count for count in Counter(entry.content.title for entry in entries
                                          if isinstance(entry.content, Definition)).values() if count > 1) == 5


def test_nothing_in_the_files_runs(files: list[Path], written: dict[Path, dict[str, object]]) -> None:
    for path in files:
        with watched() as started:
            definition = loader.load(path).without_filters()
            filled = values(written[path])
            template.parse(template.begun(definition, filled), template.render(definition, filled).prompt, "stop")
        assert started == [], path.name
