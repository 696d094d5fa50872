"""Hidden files, as macOS and editors leave them, are none of a user's."""

import shutil
from pathlib import Path

from actionbytes.data.annotations import read_annotations
from actionbytes.papers.declared import read_papers


def test_a_thumos_folder_from_a_mac(tmp_path: Path):
    (tmp_path / "Jump_test.txt").write_text("v1 0.0 1.0\n")
    (tmp_path / "._Jump_test.txt").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._Jump_test.txt").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    assert list(read_annotations(tmp_path)) == ["v1"]


def test_papers_beside_an_open_editor(tmp_path: Path, root: Path):
    shutil.copytree(root / "papers", tmp_path / "papers")
    before = list(read_papers(tmp_path / "papers"))
    (tmp_path / "papers" / ".#stpn.yaml").symlink_to("somebody@machine.1234")
    (tmp_path / "papers" / "._stpn.yaml").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    assert list(read_papers(tmp_path / "papers")) == before
