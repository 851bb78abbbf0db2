"""The floor plan as a test: floors, folders, cycles, where heavy libraries may live, and a light start."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pen_backend"

SHARED = ["errors", "files", "records", "secrets", "tokens", "words"]
CLIENT_FLOORS = [
    ["errors", "words"],
    ["files", "records", "secrets"],
    ["config", "prices", "tokens"],
    ["prompts", "client", "engine_process"],
    ["dataset", "jobs", "completion"],
    ["evaluation"],
    ["service"],
    ["transports"],
    ["__main__"],
]
ENGINE_FLOORS = [
    ["nn", "wire", "store"],
    ["jobs", "models"],
    ["scheduler", "runners", "worker", "export", "backup"],
    ["routes"],
    ["server"],
    ["__main__", "train", "infer", "pretrain", "merge", "restore", "limits"],
]
FOREIGN = {
    "openai": {"client"},
    "epc": {"transports.epc_server", "transports.epc_tcp"},
    "orgparse": {"dataset.sources.org_headings"},
    "python_calamine": {"dataset.sources.workbook"},
    "torch": {"engine.nn"},
    "transformers": {"engine.nn"},
    "peft": {"engine.nn"},
    "accelerate": {"engine.nn"},
    "safetensors": {"engine.nn"},
    "ray": {"engine.runners.ray", "dataset.executors.ray"},
}


def modules() -> dict[str, Path]:
    """Name every module of the package, without the package's own name."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield what a file imports, and whether that happens when the file itself is imported."""
    tree = ast.parse(path.read_text())
    late = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)}
    late |= {id(inner) for node in ast.walk(tree)
             if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((f"{node.module}.{alias.name}", id(node) not in late) for alias in node.names)


def ours(name: str, known: dict[str, Path]) -> str | None:
    """Reduce an imported name to the module of ours that it lives in."""
    if not name.startswith("pen_backend."):
        return None
    inner = name.removeprefix("pen_backend.")
    while inner and inner not in known:
        inner = inner.rpartition(".")[0]
    return inner or None


def floor(module: str, floors: list[list[str]]) -> int:
    """Find the floor a module stands on."""
    room = module.partition(".")[0]
    for number, rooms in enumerate(floors):
        if room in rooms:
            return number
    pytest.fail(f"{module} stands on no floor; add it to the plan")


def place(module: str) -> tuple[str, int, str]:
    """Locate a module: tower, floor, room."""
    if module.startswith("engine."):
        inner = module.removeprefix("engine.")
        return "engine", floor(inner, ENGINE_FLOORS), inner.partition(".")[0]
    return "client", floor(module, CLIENT_FLOORS), module.partition(".")[0]


def test_a_module_imports_only_floors_below_it_and_its_own_room() -> None:
    known = modules()
    wrong = []
    for module, path in known.items():
        if module in ("", "engine"):
            continue
        tower, number, room = place(module)
        for name, _ in imports(path):
            target = ours(name, known)
            if target is None or target in ("engine", module):
                continue
            other_tower, other_number, other_room = place(target)
            if tower == other_tower:
                fine = other_number < number or room == other_room
            else:
                fine = tower == "engine" and target.partition(".")[0] in SHARED
            if not fine:
                wrong.append(f"{module} imports {target}")
    assert wrong == []


def test_there_are_no_import_cycles() -> None:
    known = modules()
    graph = {module: {target for name, _ in imports(path) if (target := ours(name, known)) and target != module}
             for module, path in known.items()}
    TopologicalSorter(graph).prepare()


def test_heavy_libraries_stay_in_their_rooms() -> None:
    wrong = []
    for module, path in modules().items():
        for name, _ in imports(path):
            rooms = FOREIGN.get(name.partition(".")[0])
            if rooms is not None and not any(module == room or module.startswith(f"{room}.") for room in rooms):
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_openai_is_imported_only_when_it_is_called() -> None:
    early = [name for path in (PACKAGE / "client").glob("*.py") for name, now in imports(path)
             if now and name.startswith(("openai", "httpx"))]
    assert early == []


def test_importing_the_package_loads_nothing_foreign() -> None:
    program = ("import sys; before = set(sys.modules); import pen_backend; import pen_backend.errors\n"
               "new = {n.partition('.')[0] for n in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
               "print(*sorted(new))")
    python = [sys.executable, "-P", "-c", program]
    answer = subprocess.run(python, capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.split() == ["pen_backend"]


def test_nothing_that_came_from_a_file_can_execute() -> None:
    banned = {"eval", "exec", "compile", "__import__"}
    wrong = []
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in banned:
                wrong.append(f"{module}:{node.lineno}: {node.func.id}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("torch.load", "torch.save", "os.system"):
                wrong.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
            if isinstance(node, ast.keyword) and node.arg in ("shell", "trust_remote_code") and not (
                isinstance(node.value, ast.Constant) and node.value.value is False
            ):
                wrong.append(f"{module}:{node.value.lineno}: {node.arg}")
        wrong += [f"{module} imports {name}" for name, _ in imports(path)
                  if name.partition(".")[0] in ("pickle", "shelve", "marshal", "jinja2", "dill")]
    assert wrong == []


def test_no_function_only_says_that_it_is_not_implemented() -> None:
    refusing = [f"{module}:{node.lineno}: {node.name}" for module, path in modules().items()
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and isinstance(last := node.body[-1], ast.Raise) and len(node.body) <= 2
                and last.exc is not None and ast.unparse(last.exc).startswith("NotImplementedError")]
    assert refusing == []
