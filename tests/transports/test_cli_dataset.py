import json
from pathlib import Path

import pytest

from pen_backend.config import builtin_prompts
from pen_backend.service.context import Context
from tests.conftest import LiveEngine, environment
from tests.transports.test_cli import run

JOKES = "\n".join(f"- What do you call a {thing} that {does}? A {thing[:3]}-{does[-4:]}ster, of sort {number}."
                  for number, (thing, does) in enumerate((t, d) for t in (
                      "kettle", "ladder", "teapot", "window", "carpet", "bottle") for d in (
                      "sings", "naps", "runs", "cooks", "paints", "swims")))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(environ=environment(tmp_path))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "jokes.org"
    path.write_text(f"* Jokes\n{JOKES}\n")
    return path


def test_a_build_prints_its_table_and_says_where_it_is(context: Context, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, table, said = run(context, "dataset", "build", "pun-complete", "--source", str(source), "--out", str(out))
    assert code == 0
    assert table.startswith(" ")
    assert "tokens" in table.splitlines()[0]
    assert "jokes.org" in said.splitlines()[0]
    built = Path(said.splitlines()[-1])
    assert built.parent == out
    assert (built / "train.jsonl").stat().st_size > 0


def test_a_build_as_json_is_its_manifest(context: Context, source: Path) -> None:
    _, out, said = run(context, "dataset", "build", "--json", "pun-complete", "--source", str(source), "--quiet")
    assert json.loads(out)["prompt"] == "pun-complete"
    assert said == ""


def test_a_reader_prints_json_lines(context: Context, source: Path) -> None:
    code, out, _ = run(context, "dataset", "read", "--reader", "org", "--limit", "2", str(source))
    assert code == 0
    assert [json.loads(line)["text"][:19] for line in out.splitlines()] == ["What do you call a "] * 2


def test_statistics_are_a_table_for_each_file(context: Context, source: Path, tmp_path: Path) -> None:
    run(context, "dataset", "build", "pun-complete", "--source", str(source), "--out", str(tmp_path / "o"))
    files = [str(tmp_path / "o" / "latest" / name) for name in ("train.jsonl", "valid.jsonl")]
    code, out, _ = run(context, "dataset", "stats", *files)
    assert code == 0
    assert out.count("tokens") == 2
    assert json.loads(run(context, "dataset", "stats", "--json", files[0])[1])["examples"] > 0


def test_the_directory_given_as_out_is_counted_as_its_latest_build(context: Context, source: Path,
                                                                   tmp_path: Path) -> None:
    run(context, "dataset", "build", "pun-complete", "--source", str(source), "--out", str(tmp_path / "o"))
    code, out, _ = run(context, "dataset", "stats", str(tmp_path / "o"))
    assert (code, out) == run(context, "dataset", "stats", str(tmp_path / "o" / "latest"))[:2]
    assert code == 0


def test_a_refused_build_leaves_no_directory(context: Context, tmp_path: Path) -> None:
    (tmp_path / "few.org").write_text("- Why? Because.\n")
    out = tmp_path / "deep" / "out"
    code, _, err = run(context, "dataset", "build", "pun-complete", "--source", str(tmp_path / "few.org"), "--out",
                       str(out))
    assert code == 2, err
    assert not (tmp_path / "deep").exists()


def test_a_plan_shows_everything_and_launches_nothing(context: Context, source: Path) -> None:
    code, out, said = run(context, "finetune", "pun-complete", "--source", str(source), "--plan")
    assert code == 0
    assert Path(out.strip(), "manifest.json").is_file()
    assert "definition pun-complete" in said
    assert context.engine().find() is None


@pytest.mark.parametrize(("text", "code", "said"), [
    ("", 2, "empty"), ("- Why? Because.\n", 2, "at least two"),
])
def test_bad_sources_are_one_sentence(context: Context, tmp_path: Path, text: str, code: int, said: str) -> None:
    path = tmp_path / "few.org"
    path.write_text(text)
    ended, out, err = run(context, "dataset", "build", "pun-complete", "--source", str(path))
    assert (ended, out) == (code, "")
    assert said in err


def test_rows_in_place_of_a_definition_lead_to_the_commands_that_take_them(context: Context, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a", "completion": "b"}\n')
    ended, out, err = run(context, "dataset", "build", str(rows))
    assert (ended, out) == (1, "")
    assert "rows.jsonl holds finished rows and is no definition." in err
    assert f"pen dataset check {rows}" in err
    assert f"pen finetune {rows}" in err


def test_texts_in_place_of_a_definition_lead_to_naming_both(context: Context, source: Path) -> None:
    for command in (["dataset", "build"], ["finetune"]):
        ended, out, err = run(context, *command, str(source))
        assert (ended, out) == (1, "")
        assert "jokes.org is no definition. To learn from it, name the definition" in err
        assert f"pen {' '.join(command)} DEFINITION --source {source}" in err


def test_a_definition_without_a_suffix_is_still_one(context: Context, tmp_path: Path, source: Path) -> None:
    (tmp_path / "mine").write_bytes((builtin_prompts() / "pun-complete.yaml").read_bytes())
    assert run(context, "dataset", "build", str(tmp_path / "mine"), "--source", str(source))[0] == 0


def test_a_file_that_is_not_there_is_said(context: Context) -> None:
    assert run(context, "dataset", "read", "nothing.org")[0] in (1, 2)


@pytest.mark.slow
def test_a_definition_is_planned_launched_and_used(engine: LiveEngine, source: Path) -> None:
    context = engine.context()
    code, out, said = run(context, "finetune", "pun-complete", "--source", str(source), "--model", "two-layer",
                          "--epochs", "1", "--tune", "full", "--wait", "--yes")
    assert code == 0, said
    tuned = out.strip()
    assert tuned.startswith("ft:two-layer:local:")
    code, out, said = run(context, "complete", "pun-complete", "What do you call a cat?", "--max-tokens", "4", "--json")
    assert code == 0, said
    assert json.loads(out)["model"] == tuned
    assert "changed" not in said


@pytest.fixture
def built(context: Context, source: Path, tmp_path: Path) -> Path:
    run(context, "dataset", "build", "pun-complete", "--source", str(source), "--out", str(tmp_path / "o"))
    return tmp_path / "o"


def test_the_cost_is_the_podcasts_table_and_says_of_when_the_prices_are(context: Context, built: Path) -> None:
    code, out, _ = run(context, "dataset", "cost", str(built), "--model", "ada", "--model", "davinci", "--epochs", "4",
                       "--budget", "0.01")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "         Cost per epoch  Usage"
    assert lines[1] == "Model                         "
    assert [line.split()[0] for line in lines[2:4]] == ["Ada", "Davinci"]
    assert "examples kept" in lines[5]
    assert "ada, davinci: of 2023-01-04" in lines[-1]
    (ada, _) = json.loads(run(context, "dataset", "cost", str(built), "--model", "ada", "--model", "curie",
                              "--json")[1])["models"]
    assert ada["seen"] == "2023-01-04"


def test_a_check_shows_rows_as_they_are_trained(context: Context, built: Path) -> None:
    code, out, said = run(context, "dataset", "check", str(built), "--rows", "1")
    assert code == 0
    first, prompt, completion = out.splitlines()[:3]
    assert first.startswith("jokes.org:")
    assert prompt.split()[0] == "0.3"
    assert prompt.endswith('\\n"')
    assert completion.endswith(' END"')
    assert "jokes.org was read as org" in said


def test_a_check_that_finds_an_error_says_where_and_ends_in_2(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": 3}\n')
    code, out, said = run(context, "dataset", "check", str(path))
    assert code == 2
    assert "rows.jsonl:2: error: " in said
    code, out, _ = run(context, "dataset", "check", "--json", str(path))
    assert (code, json.loads(out)["errors"]) == (2, 1)


def test_a_definition_is_checked_by_building_its_own_set(context: Context) -> None:
    code, out, said = run(context, "dataset", "check", "pun-complete")
    assert (code, "puns.org was read as org" in said) == (0, True)
    assert "ntokens" in out


def test_what_is_neither_a_file_nor_a_definition_is_said(context: Context, tmp_path: Path) -> None:
    for name in ("no-such-thing", str(tmp_path / "none.jsonl")):
        code, _, said = run(context, "dataset", "check", name)
        assert code in (1, 2)
        assert Path(name).name in said


def test_a_card_is_org_markdown_or_figures(context: Context, built: Path) -> None:
    assert "\n* Sources\n" in run(context, "dataset", "card", str(built))[1]
    assert "\n## Sources\n" in run(context, "dataset", "card", "--markdown", str(built))[1]
    assert json.loads(run(context, "dataset", "card", "--json", str(built))[1])["sources"][0]["path"] == "jokes.org"


def test_a_difference_is_a_table_and_counts(context: Context, source: Path, built: Path, tmp_path: Path) -> None:
    run(context, "dataset", "build", "pun-complete", "--source", str(source), "--out", str(tmp_path / "p"),
        "--seed", "8")
    code, out, _ = run(context, "dataset", "diff", str(built), str(tmp_path / "p"))
    assert code == 0
    assert any(line.split() == ["seed", "0", "8"] for line in out.splitlines())
    assert out.splitlines()[-1].startswith("rows: ")
    assert json.loads(run(context, "dataset", "diff", "--json", str(built), str(built))[1])["equal"] is True
