"""Files are whole or absent, and every problem with one is a line that names it."""

import errno
import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from actionbytes.errors import UserError
from actionbytes.files import csv_text, read_csv, read_text, whole, write_csv, write_rows, write_text


def test_a_file_gets_its_name_at_the_end_alone(tmp_path: Path):
    path = tmp_path / "new" / "model.bin"
    with whole(path) as partial:
        partial.write_bytes(b"half")
        assert not path.exists()
        assert partial.parent == path.parent
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_is_as_it_was(tmp_path: Path):
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), whole(path) as partial:
        partial.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file_and_nothing_that_a_search_finds(tmp_path: Path):
    path = tmp_path / "shard.h5"
    path.write_bytes(b"old")
    code = (
        "import os, sys\nfrom actionbytes.files import whole\n"
        "with whole(sys.argv[1]) as partial:\n partial.write_bytes(b'half')\n os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2, "the killed process left its half, under another name"
    assert list(tmp_path.glob("*.h5")) == [path]


def test_content_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, flushed = tmp_path / "a.txt", []
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(path.exists()))
    write_text(path, "x")
    assert flushed == [False]


def test_nothing_written_is_an_error_and_no_file(tmp_path: Path):
    with pytest.raises(UserError, match=r"a\.bin: cannot be written"), whole(tmp_path / "a.bin"):
        pass


def test_what_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"file/a\.txt: cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(UserError, match="folder: cannot be written"):
        write_text(tmp_path / "folder", "x")


def test_a_full_disk_is_one_line_and_other_errors_pass(tmp_path: Path):
    with pytest.raises(UserError, match=r"a\.bin: cannot be written: No space"), whole(tmp_path / "a.bin"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError), whole(tmp_path / "a.bin"):
        (tmp_path / "input").read_bytes()


def test_gzip_by_name_and_the_same_bytes_each_time(tmp_path: Path):
    for name in ("a.txt.gz", "b.txt.gz"):
        write_text(tmp_path / name, "naïve\n")
    content = (tmp_path / "a.txt.gz").read_bytes()
    assert content == (tmp_path / "b.txt.gz").read_bytes()
    assert gzip.decompress(content).decode() == read_text(tmp_path / "a.txt.gz") == "naïve\n"


def test_csv_comes_back(tmp_path: Path):
    rows = [{"video": "a, b", "note": 'two\nlines and "quotes"'}, {"video": "c"}]
    write_csv(tmp_path / "a.csv", rows)
    assert (tmp_path / "a.csv").read_text() == 'video,note\n"a, b","two\nlines and ""quotes"""\nc,\n'
    assert read_csv(tmp_path / "a.csv", ("note",)) == [rows[0], {"video": "c", "note": ""}]


def test_rows_of_a_dataclass_keep_the_order_of_its_fields(tmp_path: Path):
    @dataclass
    class Row:
        score: float
        name: str

    write_rows(tmp_path / "a.csv", [Row(0.1, "x")], Row)
    assert (tmp_path / "a.csv").read_text() == csv_text([["score", "name"], [0.1, "x"]]) == "score,name\n0.1,x\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no column 'video'; it needs video, file"),
        ("video,frames\na,1\n", "has no column 'file'"),
        ("video,file\na,b\nc\n", "row 3 has more or fewer fields"),
        ("video,file\na,b,c\n", "row 2 has more or fewer fields"),
        ('video,file\na,"b"c\n', "not CSV: .*after line 1"),
        (b"video,file\n\xff,b\n", "is not UTF-8 text"),
    ],
    ids=["empty", "column", "short", "long", "quotes", "bytes"],
)
def test_what_is_no_such_csv_is_one_line(tmp_path: Path, content: str | bytes, problem: str):
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=problem):
        read_csv(tmp_path / "a.csv", ("video", "file"))


def test_a_csv_that_is_not_there(tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        read_csv(tmp_path / "a.csv", ())
