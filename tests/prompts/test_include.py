from pathlib import Path

import pytest

from pen_backend.errors import PromptError
from pen_backend.prompts import library, loader
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.hashing import format_hash
from pen_backend.prompts.include import _names, locate

BELOW = """\
pen: 1
title: Question answer
name: question-answer
aliases: [qa]
prompt: "Q: <question>"
completion: <answer>
vars: [{question: {example: why}}, {answer: {example: so}}]
format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\n"}
temperature: 0.5
stop-sequences: [x, y]
training: {example: {loss-weights: [0.1, 0.9], count: [3, 4]}, seed: 7}
tests: [{vars: {question: x}}]
"""


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    return directory


def read(directory: Path, name: str) -> Definition:
    return loader.load(directory / f"{name}.yaml")


def say(directory: Path, name: str) -> list[str]:
    path = directory / f"{name}.yaml"
    _, findings = loader.check(path.read_bytes(), path.name, path, [])
    return [str(finding).replace(f"{directory}/", "") for finding in findings]


def test_own_keys_win_mappings_are_merged_and_lists_replaced(tmp_path: Path) -> None:
    flip = """\
pen: 1
title: Answer question
include: question-answer
prompt: "A: <answer>"
completion: <question>
format: {prompt-end: "\\nQ:"}
stop-sequences: [z]
training: {example: {loss-weights: [0, 1]}}
"""
    flipped = read(write(tmp_path, below=BELOW, flip=flip), "flip")
    assert (flipped.prompt, flipped.completion) == ("A: <answer>", "<question>")
    assert (flipped.format.prompt_end, flipped.format.completion_start) == ("\nQ:", " ")
    assert flipped.stop_sequences == ("z",)
    assert flipped.training is not None
    assert (flipped.training.example.loss_weights, flipped.training.example.count) == ((0, 1), (3, 4))
    assert (flipped.training.seed, flipped.temperature) == (7, 0.5)
    assert (flipped.name, flipped.aliases, flipped.tests) == ("answer-question", (), ())


def test_what_is_included_is_part_of_the_format_hash(tmp_path: Path) -> None:
    write(tmp_path, below=BELOW, same="pen: 1\ntitle: Same\ninclude: qa\n")
    assert format_hash(read(tmp_path, "same")) == format_hash(read(tmp_path, "below"))
    write(tmp_path, below=BELOW.replace("A:", "B:"))
    changed = read(tmp_path, "same")
    assert changed.format.prompt_end == "\nB:"
    assert format_hash(changed) == format_hash(read(tmp_path, "below"))


def test_includes_go_over_several_files(tmp_path: Path) -> None:
    write(tmp_path, below=BELOW, middle="pen: 1\ntitle: Middle\ninclude: question-answer\ntemperature: 0.1\n",
          top="pen: 1\ntitle: Top\ninclude: middle\nmax-tokens: 3\n")
    top = read(tmp_path, "top")
    assert (top.temperature, top.max_tokens, top.completion) == (0.1, 3, "<answer>")


def test_another_form_leaves_the_included_form_behind(tmp_path: Path) -> None:
    chat = """\
pen: 1
title: Chat
include: question-answer
messages: [{role: user, content: <question>}, {role: assistant, content: <answer>}]
"""
    segments = "pen: 1\ntitle: S\ninclude: qa\nsegments: [{text: <question>}, {text: <answer>, generate: on}]\n"
    write(tmp_path, below=BELOW, chat=chat, segments=segments)
    assert read(tmp_path, "chat").format.prompt_end == ""
    assert read(tmp_path, "chat").completion is None
    assert read(tmp_path, "segments").format.prompt_end == "\nA:"


def test_a_circle_is_an_error_that_names_its_files(tmp_path: Path) -> None:
    write(tmp_path, one="pen: 1\ntitle: One\ninclude: two\nprompt: x\n", two="pen: 1\ntitle: Two\ninclude: one\n",
          self="pen: 1\ntitle: Self\ninclude: self\nprompt: x\n")
    assert say(tmp_path, "one") == ["one.yaml:3:10: include goes in a circle: one.yaml includes two.yaml includes "
                                    "one.yaml; remove one of them"]
    assert say(tmp_path, "self") == ["self.yaml:3:10: include goes in a circle: self.yaml includes self.yaml; "
                                     "remove one of them"]


def test_errors_of_included_keys_lead_into_the_included_file(tmp_path: Path) -> None:
    below = BELOW.replace("temperature: 0.5", "temperature: hot").replace("<answer>\n", "<answer> <oops>\n")
    write(tmp_path, below=below, top="pen: 1\ntitle: Top\ninclude: qa\ntemprature: 1\n")
    assert say(tmp_path, "top") == [
        "top.yaml:4:1: unknown key 'temprature'; did you mean 'temperature'?",
        "below.yaml:6:22: <oops> is not a variable; add it to vars, or to literals if it is text",
        "below.yaml:9:14: temperature: expected a number from 0 to 2, got 'hot'"]


def test_values_of_an_included_file_stay_as_they_were_written(tmp_path: Path) -> None:
    below = BELOW.replace("example: why", "example: 1.10")
    write(tmp_path, below=below, top="pen: 1\ntitle: Top\ninclude: qa\n")
    assert read(tmp_path, "top").vars[0].example == "1.10"
    write(tmp_path, below=below.replace("stop-sequences: [x, y]", "stop-sequences:\n- ###"))
    assert say(tmp_path, "top") == [
        "below.yaml:11:3: stop-sequences[0] is empty because ### starts a comment; write '###'"]


@pytest.mark.parametrize(("below", "message"), [
    ("pen: 1\ntitle: Below\nprompt: [a", "below.yaml cannot be included: it has errors"),
    ("- a\n- b\n", "below.yaml cannot be included: it has errors"),
    ("title: Below\nprompt: x\n", "below.yaml cannot be included: it is no `pen: 1` prompt"),
    ("pen: 1\nkind: dataset\nname: below\nprompt: top\n", "below.yaml cannot be included: it is no `pen: 1` prompt"),
])
def test_what_cannot_be_included_says_why(tmp_path: Path, below: str, message: str) -> None:
    write(tmp_path, below=below, top="pen: 1\ntitle: Top\ninclude: below\nprompt: x\n")
    found, = say(tmp_path, "top")
    assert found.startswith("top.yaml:3:10: ")
    assert message in found


def test_the_file_beside_it_goes_before_other_directories(tmp_path: Path) -> None:
    mine = write(tmp_path / "project", below=BELOW, top="pen: 1\ntitle: Top\ninclude: qa\n")
    write(tmp_path / "builtin", below=BELOW.replace("0.5", "1.5"), other="pen: 1\ntitle: Other\ninclude: qa\n")
    places = {"project": mine, "config_dir": None, "builtin": tmp_path / "builtin"}
    assert library.find("top", **places).temperature == 0.5
    assert library.find("other", **places).temperature == 1.5
    (mine / "below.yaml").unlink()
    assert library.find("top", **places).temperature == 1.5


def test_a_slug_or_name_goes_before_an_alias(tmp_path: Path) -> None:
    write(tmp_path, a="pen: 1\ntitle: A\naliases: [b, c]\nprompt: x\n", b="pen: 1\ntitle: B\nprompt: y\n")
    assert locate("b", [tmp_path]) == tmp_path / "b.yaml"
    assert locate("c", [tmp_path]) == tmp_path / "a.yaml"
    assert locate("../a", [tmp_path / "x"]) is None
    assert locate("a\0", [tmp_path]) is None


def test_a_broken_include_is_one_error_of_the_library(tmp_path: Path) -> None:
    write(tmp_path, top="pen: 1\ntitle: Top\ninclude: nothing\n")
    with pytest.raises(PromptError, match="there is no definition 'nothing' to include"):
        library.find("top", project=tmp_path)


def test_names_of_files_begin_at_the_file_they_are_written_in(tmp_path: Path) -> None:
    below = BELOW.replace("training: {", "training: {sources: [{path: qa.csv}], ")
    below += "classes: {var: answer, labels-file: labels.txt}\n"
    write(tmp_path / "far", below=below, labels="")
    (tmp_path / "far" / "labels.txt").write_text("so\n")
    here = write(tmp_path / "here", mine="pen: 1\ntitle: Mine\ninclude: qa\n",
                 own="pen: 1\ntitle: Own\ninclude: qa\ntraining: {sources: [{path: mine.csv}]}\n")
    mine, own = (loader.load(here / f"{name}.yaml", [tmp_path / "far"]) for name in ("mine", "own"))
    assert mine.directory_of("training", "sources") == tmp_path / "far"
    assert mine.project_of("training", "sources") == tmp_path / "far"
    assert mine.labels_path == tmp_path / "far" / "labels.txt"
    assert mine.class_map is not None
    assert mine.class_map.labels == ("so",)
    assert own.directory_of("training", "sources") == here
    assert mine.directory == mine.directory_of("training", "output") == here  # what nobody wrote down


def test_what_only_the_including_file_makes_wrong_is_said_at_its_include(tmp_path: Path) -> None:
    mine = "pen: 1\ntitle: Mine\ninclude: qa\nvars: [question]\n"
    write(tmp_path, below=BELOW, mine=mine)
    assert say(tmp_path, "mine") == ["mine.yaml:3:10: with what this file changes, below.yaml:6:13 is wrong: <answer> "
                                     "is not a variable; add it to vars, or to literals if it is text"]
    write(tmp_path, below=BELOW.replace("<answer>", "<answers>"), mine="pen: 1\ntitle: Mine\ninclude: qa\n")
    assert say(tmp_path, "mine") == say(tmp_path, "below")  # its own fault
    assert any(one.startswith("below.yaml:6:13: <answers> is") for one in say(tmp_path, "below"))


def test_files_are_read_for_their_names_once_however_many_look_among_them(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"file-{number:02}.yaml").write_text(f"pen: 1\ntitle: Prompt {number}\nprompt: a\n")
    before = _names.cache_info().misses
    for number in range(40):
        assert locate(f"prompt-{number}", [tmp_path]) == tmp_path / f"file-{number:02}.yaml"
    assert _names.cache_info().misses - before == 40
    (tmp_path / "file-07.yaml").write_text("pen: 1\ntitle: Another name\nprompt: a\n")
    assert locate("another-name", [tmp_path]) == tmp_path / "file-07.yaml"
