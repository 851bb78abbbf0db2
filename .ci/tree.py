"""Print the file tree of the README: one line a file, taken from the file's own first line.

Run it: python .ci/tree.py            (print)
        python .ci/tree.py --write    (replace the tree in README.md)
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"(<!-- tree -->\n```\n).*?(```\n<!-- /tree -->)", re.DOTALL)
SHOWN = ("bin", "pen_backend", "elisp", "prompts", "demo", "bench", ".ci")
PLAIN = {
    "Makefile": "Two commands do everything: make demo, make test",
    "pyproject.toml": "Packaging, dependencies with the reason for each, tools' settings",
    "constraints.txt": "The exact versions that are tested",
    "penf": "Run a prompt definition by a batch Emacs, for scripts",
    "puns.org": "Puns written for pen; a training source as it stands",
    "run": "What continuous integration runs",
    "setup": "Install what is missing: Debian packages, then .venv",
}


def sentence(path: Path) -> str | None:
    """Return the one line that says what a file is, or None for a file the tree leaves out."""
    if path.suffix == ".py":
        text = path.read_text()
        doc = ast.get_docstring(ast.parse(text)) if text.strip() else None
        return doc.splitlines()[0].rstrip(".") if doc else None
    if path.suffix == ".el":
        return path.read_text().splitlines()[0].partition(" --- ")[2].partition(" -*-")[0]
    if path.suffix == ".yaml":
        text = path.read_text()  # a definition describes itself, any other file begins with a comment
        found = re.search(r"^description: *(.+)$", text, re.MULTILINE) or re.match(r"# *(.+)$", text, re.MULTILINE)
        return found.group(1).strip("\"'").rstrip(".") if found else None
    return PLAIN.get(path.name)


def tracked() -> list[Path]:
    """List the files git knows or would know, in the order of the tree."""
    command = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", *SHOWN, "Makefile", "pyproject.toml",
               "constraints.txt"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [path for name in sorted(set(names)) if (path := ROOT / name).is_file()]


def tree() -> str:
    """Render the tree."""
    lines: list[str] = []
    seen: set[Path] = set()
    for path in tracked():
        inner = path.relative_to(ROOT)
        said = sentence(path)
        if said is None or "engine/base" in inner.as_posix() or path.name == "__init__.py":
            continue
        for depth, folder in enumerate(reversed(inner.parents[:-1])):
            if folder not in seen:
                seen.add(folder)
                start = ROOT / folder / "__init__.py"
                about = sentence(start) if start.is_file() else None
                lines.append(f"{'  ' * depth}{folder.name}/".ljust(30) + (about or ""))
        lines.append(f"{'  ' * (len(inner.parts) - 1)}{path.name}".ljust(30) + said)
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        README.write_text(FENCE.sub(lambda found: found.group(1) + tree() + found.group(2), README.read_text()))
    else:
        sys.stdout.write(tree())
