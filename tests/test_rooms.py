"""Rooms import only from rooms further down (docs/architecture.md), and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LEVELS = [  # from the bottom up; rooms on one line may not import each other
    {"errors", "plain_yaml", "progress", "threads"},
    {"files", "locks"},
    {"parameters"},
    {"recipes", "papers"},
    {"data"},
    {"video", "backbones", "mini"},
    {"features"},
    {"localization"},
    {"methods"},
    {"evaluation", "training"},
    {"reporting", "steps"},
    {"planning"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
SOURCE = Path(__file__).resolve().parent.parent / "src" / "actionbytes"
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        rooms |= {room_of(name) for name in names if name.startswith("actionbytes.")}
    return rooms


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path) -> set[str]:
    """The files that a file imports, by the name of their module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("actionbytes"):
            for alias in node.names:
                whole = SOURCE.parent / (f"{node.module}.{alias.name}".replace(".", "/") + ".py")
                found.add(f"{node.module}.{alias.name}" if whole.exists() else node.module)
    return found - {module_of(path)}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path):
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    assert own in LEVEL, f"{own} is not a room of docs/architecture.md"
    for room in imports(path) - {own}:
        assert LEVEL[room] < LEVEL[own], f"{own} imports {room}, which is not below it"


def test_no_file_imports_in_a_circle():
    """Imports inside functions count too: they would only hide the circle."""
    graph = {module_of(path): imported_modules(path) for path in SOURCE.rglob("*.py")}
    remaining = dict(graph)
    while leaves := {name for name, needed in remaining.items() if not needed & remaining.keys() - {name}}:
        remaining = {name: needed for name, needed in remaining.items() if name not in leaves}
    assert not remaining, f"these files import each other in a circle: {sorted(remaining)}"


def test_help_imports_nothing_heavy():
    code = "import sys, actionbytes.cli; print(sorted({'torch', 'numba', 'cv2', 'av', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_localizing_does_not_import_scikit_learn():
    code = "import sys, actionbytes.commands.localize, actionbytes.methods.actionbytes; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
