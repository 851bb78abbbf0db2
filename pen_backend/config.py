"""Settings: defaults < config.yaml < PEN_* environment < arguments; and where pen keeps its files.

>>> load({}, arguments={"max-tokens": 80}).max_tokens
80
"""

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pen_backend.errors import ConfigError

Kind = Literal["text", "int", "bool", "texts", "money"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of config.yaml: its name, what its value must look like, and what it means."""

    key: str
    kind: Kind
    default: object
    meaning: str
    least: int | None = None
    used: bool = True
    """False for what a later version will read: any value but the default is refused, for it would do nothing."""

    @property
    def attribute(self) -> str:
        """Name the field of `Config` that holds it."""
        return self.key.replace(".", "_").replace("-", "_")

    @property
    def variable(self) -> str:
        """Name the environment variable that sets it."""
        return f"PEN_{self.attribute.upper()}"


OLD_NAMES: Mapping[str, str] = MappingProxyType(
    {"ada": "pen-tiny", "babbage": "pen-tiny", "curie": "pen-tiny", "davinci": "pen-tiny"})

SETTINGS: tuple[Setting, ...] = (
    Setting("provider", "text", "local", "`local`, `openai`, `azure` or a base URL; never a key"),
    Setting("model", "text", "pen-tiny", "the model of a definition that names none and has no tuned one"),
    Setting("max-tokens", "int", 60, "the length of a completion whose definition names none", least=1),
    Setting("aliases", "texts", OLD_NAMES, "other names for models"),
    Setting("prompts.directory", "text", None, "where your own definitions are, in place of prompts/ beside this file"),
    Setting("ceiling", "money", None, "the most a job and a day may cost: {job: 5, day: 20}", used=False),
    Setting("openai-ft.engine", "text", None, "the name for -e when the command gives none"),
    Setting("engine.idle-minutes", "int", 10, "the local engine ends after so long without work", least=1),
    Setting("engine.parallel-jobs", "int", 1, "training jobs at a time on one device", least=1),
    Setting("engine.runner", "text", "local:", "where jobs run", used=False),
    Setting("engine.storage", "text", None, "where jobs on a cluster keep their files", used=False),
    Setting("engine.inference", "text", None, "another completions server behind the engine", used=False),
    Setting("dataset.executor", "text", "inline:", "where big data set builds run", used=False),
    Setting("tokens.download", "bool", False, "fetch vocabularies that are not installed", used=False),
    Setting("log.text", "bool", False, "write prompts and completions into the service's log, not only their lengths"),
)


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, resolved; see SETTINGS for what each means."""

    provider: str = "local"
    model: str = "pen-tiny"
    max_tokens: int = 60
    aliases: Mapping[str, str] = field(default_factory=lambda: dict(OLD_NAMES))
    prompts_directory: str | None = None
    ceiling: Mapping[str, float] | None = None
    openai_ft_engine: str | None = None
    engine_idle_minutes: int = 10
    engine_parallel_jobs: int = 1
    engine_runner: str = "local:"
    engine_storage: str | None = None
    engine_inference: str | None = None
    dataset_executor: str = "inline:"
    tokens_download: bool = False
    log_text: bool = False

    @property
    def local(self) -> bool:
        """Say whether the provider is pen's own engine on this machine."""
        return self.provider == "local"

    @property
    def base_url(self) -> str:
        """The address of a provider that is not local."""
        if self.provider == "openai":
            return "https://api.openai.com/v1"
        if self.provider == "azure":
            raise ConfigError("The provider 'azure' needs its address.",
                              hint="Set it to https://NAME.openai.azure.com/openai/v1, and PEN_API_KEY to the key.")
        if "://" not in self.provider:
            raise ConfigError(f"Unknown provider '{self.provider}'.", hint="Use local, openai or a base URL.")
        return self.provider

    def alias(self, name: str) -> str | None:
        """Return the model that the user's own aliases give NAME, not pen's own for old names."""
        given = self.aliases.get(name.lower())
        return None if given == OLD_NAMES.get(name.lower()) else given

    def model_name(self, name: str) -> str:
        """Resolve a model's other name, one of `aliases` in any case, to the model's own.

        What pen makes of OpenAI's old names is a model of this machine; another provider gets the name itself.
        """
        return self.aliases.get(name.lower(), name) if self.local else self.alias(name) or name


@dataclass(frozen=True, slots=True)
class Directories:
    """Where pen keeps what it reads and writes; nothing is created here."""

    config: Path
    data: Path
    state: Path
    cache: Path
    runtime: Path


def directories(environ: Mapping[str, str]) -> Directories:
    """Find pen's directories by the XDG variables, or their usual places below HOME."""
    home = Path(environ.get("HOME") or Path.home())

    def base(variable: str, usual: str) -> Path:
        value = environ.get(variable, "")
        # The specification: a relative path is invalid and is to be ignored.
        return (Path(value) if value.startswith("/") else home / usual) / "pen"

    state = base("XDG_STATE_HOME", ".local/state")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return Directories(
        config=base("XDG_CONFIG_HOME", ".config"),
        data=base("XDG_DATA_HOME", ".local/share"),
        state=state,
        cache=base("XDG_CACHE_HOME", ".cache"),
        runtime=Path(runtime) / "pen" if runtime.startswith("/") else state / "run",
    )


@functools.cache
def builtin_prompts() -> Path:
    """Find the definitions that come with pen; in a checkout the packaged folder is a link to `prompts/`."""
    return (Path(__file__).parent / "builtin_prompts").resolve()


def load(environ: Mapping[str, str], *, path: Path | None = None,
         arguments: Mapping[str, object] | None = None) -> Config:
    """Read the settings: defaults, then the file, then PEN_* of ENVIRON, then ARGUMENTS (by key; None is not given)."""
    path = path or directories(environ).config / "config.yaml"
    values: dict[str, Any] = {}
    for key, value in _read(path).items():
        setting = _setting(key, where=str(path))
        values[setting.attribute] = _checked(setting, value, where=f"{path}: {key}")
    for setting in SETTINGS:
        if setting.variable in environ:
            values[setting.attribute] = _from_text(setting, environ[setting.variable])
    for key, value in (arguments or {}).items():
        if value is not None:
            setting = _setting(key, where=None)
            values[setting.attribute] = _checked(setting, value, where=key)
    return Config(**values)


def _read(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("The settings cannot be read.", where=str(path),
                          hint="Make it a readable UTF-8 file, or remove it.") from error
    import yaml  # here, because the service answers its first call before it is needed

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigError("The settings are not valid YAML.", where=where) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError("The settings must be keys and values.", where=str(path))
    return _flat(tree)


def _flat(tree: Mapping[object, object]) -> dict[str, object]:
    """Turn `engine: {runner: x}` into `engine.runner: x`; both spellings are read."""
    groups = {setting.key.partition(".")[0] for setting in SETTINGS if "." in setting.key}
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if key in groups and isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": each for inner, each in value.items()})
        else:
            flat[str(key)] = value
    return flat


def _setting(key: str, *, where: str | None) -> Setting:
    by_key = {setting.key: setting for setting in SETTINGS}
    if key in by_key:
        return by_key[key]
    nearest = difflib.get_close_matches(key, by_key, n=1)
    raise ConfigError(f"Unknown setting '{key}'" + (f"; did you mean '{nearest[0]}'?" if nearest else "."), where=where)


def _checked(setting: Setting, value: object, *, where: str) -> object:
    expected = {"text": "a text", "int": "a whole number", "bool": "true or false",
                "texts": "names and texts", "money": "{job: AMOUNT, day: AMOUNT}"}[setting.kind]
    good = value is None and setting.default is None
    match setting.kind:
        case "text":
            good = good or (isinstance(value, str) and value != "")
        case "int":
            good = isinstance(value, int) and not isinstance(value, bool)
        case "bool":
            good = isinstance(value, bool)
        case "texts":
            good = isinstance(value, Mapping) and all(
                isinstance(k, str) and isinstance(v, str) for k, v in value.items())
        case "money":
            good = good or (isinstance(value, Mapping) and set(value) <= {"job", "day"} and all(
                isinstance(v, int | float) and not isinstance(v, bool) and v >= 0 for v in value.values()))
    if not good:
        raise ConfigError(f"'{setting.key}' must be {expected}.", where=where)
    if setting.least is not None and isinstance(value, int) and value < setting.least:
        raise ConfigError(f"'{setting.key}' must be at least {setting.least}, got {value}.", where=where)
    if not setting.used and value != setting.default:
        raise ConfigError(f"'{setting.key}' does nothing in this version of pen.", where=where, hint="Remove it.")
    if setting.key == "aliases" and isinstance(value, Mapping):
        return {**OLD_NAMES, **{name.lower(): model for name, model in value.items()}}
    return value


def _from_text(setting: Setting, text: str) -> object:
    """Read an environment variable's text as the setting's kind; mappings are YAML."""
    value: object = text
    if setting.kind == "int":
        value = int(text) if text.strip().lstrip("-").isdecimal() else text
    elif setting.kind == "bool":
        words = {**dict.fromkeys(("1", "true", "on", "yes"), True), **dict.fromkeys(("0", "false", "off", "no"), False)}
        value = words.get(text.strip().lower(), text)
    elif setting.kind in ("texts", "money"):
        import yaml

        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
    return _checked(setting, value, where=setting.variable)
