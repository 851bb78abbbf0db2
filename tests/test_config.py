from dataclasses import fields
from pathlib import Path

import pytest

from pen_backend.config import SETTINGS, Config, builtin_prompts, directories, load
from pen_backend.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_table_and_the_record_name_the_same_settings_with_the_same_defaults() -> None:
    assert [setting.attribute for setting in SETTINGS] == [each.name for each in fields(Config)]
    assert {setting.attribute: setting.default for setting in SETTINGS} == {
        each.name: getattr(Config(), each.name) for each in fields(Config)}


def test_arguments_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    path = write(tmp_path / "config.yaml", "model: from-file\nmax-tokens: 10\nengine: {idle-minutes: 3}\n")
    config = load({"PEN_MAX_TOKENS": "20"}, path=path, arguments={"engine.idle-minutes": 4, "provider": None})
    assert (config.provider, config.model, config.max_tokens, config.engine_idle_minutes) == (
        "local", "from-file", 20, 4)


def test_a_dotted_key_is_read_like_a_nested_one(tmp_path: Path) -> None:
    assert load({}, path=write(tmp_path / "c.yaml", "engine.idle-minutes: 3\n")).engine_idle_minutes == 3


def test_old_model_names_stay_known_beside_own_aliases(tmp_path: Path) -> None:
    config = load({}, path=write(tmp_path / "c.yaml", "aliases: {Big: some/model}\n"))
    assert [config.model_name(name) for name in ("Davinci", "big", "other")] == ["pen-tiny", "some/model", "other"]


@pytest.mark.parametrize(("text", "said"), [
    ("modle: x", "Unknown setting 'modle'; did you mean 'model'?"),
    ("engine: {iddle-minutes: 3}", "did you mean 'engine.idle-minutes'?"),
    ("max-tokens: many", "'max-tokens' must be a whole number."),
    ("max-tokens: 0", "must be at least 1, got 0"),
    ("tokens.download: 3", "must be true or false"),
    ("aliases: [a]", "must be names and texts"),
    ("ceiling: {week: 3}", "must be {job: AMOUNT, day: AMOUNT}"),
    ("ceiling: {job: 3}", "'ceiling' does nothing in this version"),
    ("engine.runner: 'ray://x'", "'engine.runner' does nothing in this version"),
    ("provider:", "'provider' must be a text."),
    ("a: [", "not valid YAML"),
    ("- a", "must be keys and values"),
])
def test_a_wrong_setting_is_one_sentence_that_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "config.yaml", text)
    with pytest.raises(ConfigError) as failure:
        load({}, path=path)
    assert said in str(failure.value)
    assert "config.yaml" in str(failure.value)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="PEN_MAX_TOKENS"):
        load({"PEN_MAX_TOKENS": "few"}, path=Path("/nowhere"))


def test_directories_follow_xdg_and_ignore_relative_paths() -> None:
    found = directories({"HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "relative"})
    assert (found.data, found.state) == (Path("/d/pen"), Path("/h/.local/state/pen"))
    assert found.config == Path("/h/.config/pen")
    assert found.runtime == Path("/h/.local/state/pen/run")
    assert directories({"HOME": "/h", "XDG_RUNTIME_DIR": "/run/user/1"}).runtime == Path("/run/user/1/pen")


def test_definitions_that_come_with_pen_are_found() -> None:
    assert (builtin_prompts() / "pun-complete.yaml").is_file()


@pytest.mark.parametrize(("provider", "url"), [("openai", "https://api.openai.com/v1"), ("https://x/v1", "https://x/v1")])
def test_a_provider_has_an_address(provider: str, url: str) -> None:
    assert Config(provider=provider).base_url == url


@pytest.mark.parametrize("provider", ["azure", "opneai"])
def test_a_provider_without_an_address_is_refused(provider: str) -> None:
    with pytest.raises(ConfigError):
        assert Config(provider=provider).base_url


def test_old_names_mean_the_small_base_here_and_themselves_elsewhere() -> None:
    assert load({}).model_name("Davinci") == "pen-tiny"
    assert load({"PEN_PROVIDER": "openai"}).model_name("davinci") == "davinci"
    own = load({"PEN_PROVIDER": "openai", "PEN_ALIASES": "{davinci: davinci-002}"})
    assert own.model_name("DAVINCI") == "davinci-002"
