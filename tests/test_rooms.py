"""Rooms import only from rooms further down (docs/architecture.md), and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LEVELS = [  # from the bottom up; rooms on one line may not import each other, but for BESIDE
    {"errors", "parameters", "recipes"},
    {"data"},
    {"video", "backbones"},
    {"features"},
    {"localization"},
    {"methods"},
    {"evaluation", "training"},
    {"reporting"},
    {"pipeline", "figures"},
    {"config", "artifacts", "making", "plan", "inventory", "reproduction", "bridge"},
    {"commands"},
    {"cli"},
]
TOGETHER = [
    {"errors", "parameters", "recipes"},
    {"config", "artifacts", "making", "plan", "inventory", "reproduction", "bridge"},
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


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path):
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    assert own in LEVEL, f"{own} is not a room of docs/architecture.md"
    for room in imports(path) - {own}:
        together = any({own, room} <= group for group in TOGETHER)
        assert together or LEVEL[room] < LEVEL[own], f"{own} imports {room}, which is not below it"


def test_help_imports_nothing_heavy():
    code = "import sys, actionbytes.cli; print(sorted({'torch', 'numba', 'cv2', 'av', 'sklearn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_localizing_does_not_import_scikit_learn():
    code = "import sys, actionbytes.commands.localize, actionbytes.methods.actionbytes; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
