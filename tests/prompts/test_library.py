import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.errors import NotFoundError, PromptError
from pen_backend.prompts import library
from pen_backend.prompts.definition import Definition


def write(directory: Path, name: str, title: str, extra: str = "") -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"pen: 1\ntitle: {title}\nprompt: {directory.name}\n{extra}")
    return path


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return {"project": tmp_path / "project", "config_dir": tmp_path / "config", "builtin": tmp_path / "builtin"}


def test_a_title_in_another_script_is_found_by_the_name_beside_it(places: dict[str, Path]) -> None:
    write(places["project"], "dajare.yaml", "駄洒落", "name: dajare\n")
    write(places["project"], "more.yaml", "More", "include: dajare\ncompletion: x\n")
    assert (library.find("dajare", **places).slug, library.find("dajare", **places).title) == ("dajare", "駄洒落")
    assert library.find("more", **places).prompt == "project"


def test_the_project_goes_before_the_user_and_the_user_before_pen(places: dict[str, Path]) -> None:
    for name, directory in places.items():
        write(directory, "same.yaml", "Same")
        write(directory, f"{name}.yaml", f"In {name}".replace("_", " "))
    write(places["builtin"], "two.yaml", "Two")
    write(places["config_dir"], "other-file-name.yml", "two")
    assert library.find("same", **places).prompt == "project"
    assert library.find("two", **places).prompt == "config"
    listed = [entry.slug for entry in library.definitions(**places) if isinstance(entry, Definition)]
    assert listed == ["in-builtin", "in-config-dir", "in-project", "same", "two"]


def test_a_definition_is_found_by_slug_name_alias_and_path(places: dict[str, Path]) -> None:
    path = write(places["project"], "x.yaml", "Long Title", "name: short\naliases: [al]\n")
    write(places["project"], "y.yaml", "Al")
    for name in ("long-title", "short", str(path)):
        assert library.find(name, **places).path == path
    assert library.find("al", **places).title == "Al"  # a slug goes before an alias


def test_a_name_that_means_another_file_is_a_warning(places: dict[str, Path]) -> None:
    write(places["project"], "a.yaml", "Al")
    for name in ("b", "c"):
        write(places["project"], f"{name}.yaml", f"File {name}", f"name: x-{name}\naliases: [al, both]\n")
    found = {str(one.where).rpartition("/")[2]: one.message for entry in library.definitions(**places)
             if isinstance(entry, Definition) for one in entry.findings}
    assert found == {"b.yaml:5:11": "'al' means a.yaml, so this file is not found by it",
                     "c.yaml:5:11": "'al' means a.yaml, so this file is not found by it",
                     "c.yaml:5:15": "'both' means b.yaml, so this file is not found by it"}
    assert library.find("both", **places).name == "x-b"


def test_directories_that_do_not_exist_are_passed_over(places: dict[str, Path]) -> None:
    write(places["builtin"], "a.yaml", "A")
    assert [entry.slug for entry in library.definitions(**places) if isinstance(entry, Definition)] == ["a"]


def test_an_unknown_name_suggests_the_nearest(places: dict[str, Path]) -> None:
    write(places["builtin"], "a.yaml", "Pun complete")
    with pytest.raises(NotFoundError) as caught:
        library.find("pun-compleet", **places)
    assert str(caught.value) == "There is no prompt 'pun-compleet'. Did you mean 'pun-complete'?"
    with pytest.raises(NotFoundError, match="There is no file"):
        library.find("./absent.yaml", **places)


def test_one_slug_twice_in_a_directory_is_an_error_that_names_both(places: dict[str, Path]) -> None:
    first = write(places["project"], "a.yaml", "Same title")
    second = write(places["project"], "b.yaml", "same  Title!")
    with pytest.raises(PromptError) as caught:
        library.find("same-title", **places)
    assert "a.yaml and b.yaml would both be the command 'same-title'" in str(caught.value)
    assert [(one.code, one.where) for one in caught.value.findings] == [
        ("slug-clash", f"{first}:2:8"), ("slug-clash", f"{second}:2:8")]
    assert [type(entry) for entry in library.definitions(**places)] == [PromptError]


def test_a_broken_file_hides_no_other_and_is_not_hidden(places: dict[str, Path]) -> None:
    write(places["builtin"], "broken.yaml", "Broken")
    write(places["project"], "broken.yaml", "Broken", "temprature: 1\n")
    write(places["project"], "good.yaml", "Good")
    assert library.find("good", **places).title == "Good"
    with pytest.raises(PromptError, match="did you mean 'temperature'"):
        library.find("broken", **places)
    kinds = {type(entry) for entry in library.definitions(**places)}
    assert kinds == {PromptError, Definition}


def test_other_files_are_left_alone(places: dict[str, Path]) -> None:
    write(places["project"], "a.yaml", "A")
    write(places["project"], ".hidden.yaml", "B")
    write(places["project"], "notes.org", "C")
    (places["project"] / "directory.yaml").mkdir()
    assert len(library.definitions(**places)) == 1


def older(directory: Path, name: str, title: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"title: {title}\nprompt: {name}\n")
    return path


def test_an_older_prompt_file_is_found_by_its_title(places: dict[str, Path]) -> None:
    older(places["project"], "summarize.prompt", "Make it short")
    assert library.find("make-it-short", **places).prompt == "summarize.prompt"


def test_older_files_with_one_title_all_stay_and_say_how_they_are_called(places: dict[str, Path]) -> None:
    for name in ("c", "a", "b"):
        older(places["project"], f"{name}.prompt", "Same")
    older(places["project"], "d.prompt", "Same 2")
    found = {name: library.find(name, **places) for name in ("same", "same-2", "same-3", "same-4")}
    assert {name: one.prompt for name, one in found.items()} == {
        "same": "a.prompt", "same-2": "d.prompt", "same-3": "b.prompt", "same-4": "c.prompt"}
    assert [finding.code for finding in found["same-3"].findings] == ["slug-clash"]
    assert found["same"].findings == ()
    assert [one.slug for one in library.definitions(**places) if isinstance(one, Definition)] == sorted(found)


def test_a_definition_keeps_its_name_beside_an_older_file_of_its_title(places: dict[str, Path]) -> None:
    older(places["project"], "a.prompt", "Same")
    write(places["project"], "b.yaml", "Same")
    assert library.find("same", **places).prompt == "project"
    assert library.find("same-2", **places).prompt == "a.prompt"


@pytest.mark.parametrize(("name", "hint"), [
    ("pun-complet", "Did you mean 'pun-complete'?"),
    ("complte", "Did you mean 'complete'?"),
    ("puns", "Did you mean one of pun-complete, pun-explained, pun-speak, puns-from-everywhere?"),
    ("ticket", "Did you mean 'tag-ticket'?"),
    ("kind-words", "Did you mean 'say-it-kindly'?"),
    ("item", "Did you mean one of item-1, item-2, item-3, item-4, item-5 or 1 more?"),
    ("zzz", "`pen prompts list` shows the 13 that there are."),
    ("a-z", "`pen prompts list` shows the 13 that there are."),
])
def test_of_many_prompts_only_those_are_named_that_may_be_meant(tmp_path: Path, name: str, hint: str) -> None:
    there = ["pun-complete", "pun-explained", "pun-speak", "puns-from-everywhere", "tag-ticket", "say-it-kindly",
             "complete", *(f"item-{number}" for number in range(1, 7))]
    for slug in there:
        (tmp_path / f"{slug}.yaml").write_text(f"pen: 1\ntitle: {slug.replace('-', ' ')}\nprompt: a\n")
    with pytest.raises(NotFoundError) as caught:
        library.find(name, project=tmp_path, builtin=tmp_path / "none")
    assert caught.value.hint == hint


def test_few_prompts_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("pen: 1\ntitle: One\nprompt: a\n")
    with pytest.raises(NotFoundError) as caught:
        library.find("zzz", project=tmp_path, builtin=tmp_path / "none")
    assert caught.value.hint == "There are: one."


@pytest.fixture
def closed(places: dict[str, Path]) -> Iterator[Path]:
    """A directory of definitions that only somebody else may open, while the test runs."""
    library.definitions(**places)  # what is imported when it is needed is there by then
    home = Path(tempfile.mkdtemp(prefix="pen-closed-"))
    home.chmod(0o755)
    write(home / "prompts", "one.yaml", "One")
    (home / "prompts").chmod(0)
    root = os.geteuid() == 0
    try:
        if root:  # whom no mode keeps out
            os.seteuid(65534)
        yield home / "prompts"
    finally:
        if root:
            os.seteuid(0)
        (home / "prompts").chmod(0o700)
        shutil.rmtree(home)


def test_a_directory_that_may_not_be_read_is_said_in_a_sentence(closed: Path) -> None:
    with pytest.raises(PromptError, match="definitions in this directory cannot be read") as caught:
        library.definitions(project=closed)
    assert (caught.value.where, caught.value.hint) == (str(closed), "Permission denied")


def test_a_directory_inside_of_one_that_may_not_be_opened_is_none(closed: Path) -> None:
    assert list(library.directories(closed / "prompts", None, Path("/"))) == [Path("/")]
