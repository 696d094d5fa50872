"""Files are whole or absent, and every problem with one is a line that names it."""

import errno
import gzip
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from actionbytes import files
from actionbytes.errors import UserError
from actionbytes.files import (
    csv_text,
    file_digest,
    read_csv,
    read_file,
    read_json,
    read_lines,
    read_text,
    whole,
    write_csv,
    write_rows,
    write_text,
)


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


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        for read in (read_file, file_digest):
            with pytest.raises(UserError, match=f"{name}: cannot be read: is no regular file"):
                read(tmp_path / name)
        with pytest.raises(UserError, match=f"{name}: cannot be written: is no regular file"):
            write_text(tmp_path / name, "x")
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "link"}


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_shell_hands_over_is_read(packed: bool):
    content = b"one\n" * 50_000  # more than a pipe holds
    reader, writer = os.pipe()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=writer) as cat:
        os.close(writer)
        assert cat.stdin
        code = "import sys; from actionbytes.files import read_file; sys.stdout.buffer.write(read_file(sys.argv[1]))"
        with subprocess.Popen(
            [sys.executable, "-c", code, f"/dev/fd/{reader}"], pass_fds=[reader], stdout=subprocess.PIPE
        ) as process:
            os.close(reader)
            cat.stdin.write(gzip.compress(content) if packed else content)
            cat.stdin.close()
            assert process.communicate()[0] == content


def test_standard_input_is_a_dash():
    code = "from actionbytes.files import read_json; print(read_json('-'))"
    run = subprocess.run([sys.executable, "-c", code], input=b"[1]", capture_output=True, check=True)
    assert run.stdout == b"[1]\n"


def test_reading_asks_for_no_memory_that_the_file_does_not_fill(tmp_path: Path):
    (tmp_path / "a.json").write_text("[1]")
    code = f"from actionbytes.files import read_json; print(read_json({str(tmp_path / 'a.json')!r}))"
    limit = (1 << 30, 1 << 30)
    run = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
        capture_output=True,
        check=False,
    )
    assert run.stdout == b"[1]\n", run.stderr


def test_content_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_BYTES", 3 << 20)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(UserError, match="more than 3 MiB"):
        read_file(f"/dev/fd/{endless.fileno()}")


def test_lines_are_names(tmp_path: Path):
    (tmp_path / "names.txt").write_bytes("\ufeffone\r\n\n two words \nthree".encode())
    assert read_lines(tmp_path / "names.txt") == ["one", "two words", "three"]


@pytest.mark.parametrize("name", ["x" * 250, "a\0b", "n/" + "y" * 300])
def test_names_that_no_file_can_have(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / name, "x")
    with pytest.raises(UserError, match="cannot be read"):
        read_file(tmp_path / (name + "x" * 300))


def test_text_that_is_none_is_one_line(tmp_path: Path):
    with pytest.raises(UserError, match=r"'v\\udcff' holds a byte that is not UTF-8"):
        write_text(tmp_path / "a.txt", "v\udcff")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_in_the_words_of_a_library(tmp_path: Path):
    with pytest.raises(UserError, match=r"a\.bin: cannot be written: No space"), whole(tmp_path / "a.bin"):
        raise RuntimeError("I/O error: No space left on device (os error 28)")


def test_numbers_of_thousands_of_digits_are_no_json(tmp_path: Path):
    (tmp_path / "a.json").write_text("9" * 5000)
    with pytest.raises(UserError, match="not JSON"):
        read_json(tmp_path / "a.json")
