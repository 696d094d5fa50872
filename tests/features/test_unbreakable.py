"""What breaks takes only itself along: a hundred broken files, kills at any moment, the real clips."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from actionbytes.data.manifests import VIDEO_SUFFIXES, Entry, read_status
from actionbytes.features.shards import STATUS, decode_shard, extract_shard, flow_shard
from actionbytes.features.store import read_statuses
from actionbytes.recipes import Recipe
from actionbytes.video import isolated
from actionbytes.video.parameters import Decoding

RECIPE = Recipe("extract", "x", {})
# One process that knows all modules; each line it reads is a folder to make a shard in, by a process that it forks.
RUN = """
import os, sys
from pathlib import Path
import actionbytes.backbones.fast, actionbytes.backbones.weights, actionbytes.video.tvl1
from actionbytes.data.manifests import Entry
from actionbytes.features import shards as stages
from actionbytes.features.made_with import MadeWith
from actionbytes.recipes import Recipe

videos, made_with = Path(sys.argv[1]), MadeWith.model_validate_json(Path(sys.argv[2]).read_text())
guarded = stages._guarded

def make(out):
    def logged(stage, video, path):
        with (out / "log").open("a") as log:
            print(f"{stage.__qualname__} {video.video}", file=log)
        return guarded(stage, video, path)

    stages._guarded = logged
    entries = [Entry(p.stem, "test", p.name) for p in sorted(videos.glob("*.avi"))]
    stages.decode_shard(entries, videos, out / "frames", made_with.decoding)
    stages.flow_shard(out / "frames", out / "flow", made_with.flow)
    stages.extract_shard(out / "frames", out / "flow", out / "f.h5", made_with, Recipe("extract", "x", {}))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        make(Path(line.strip()))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def broken(content: bytes, how: str, draw: random.Random) -> bytes:
    """A video file, spoiled."""
    if how == "truncated":
        return content[: draw.randrange(1, len(content))]
    if how == "flipped":
        spoiled = bytearray(content)
        for _ in range(draw.choice((1, 10, 200, 2000))):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        return bytes(spoiled)
    return {"empty": b"", "text": b"no video at all\n" * draw.randrange(1, 500)}[how]


@pytest.mark.slow
def test_a_hundred_broken_files(tmp_path, moving, made_with):
    draw = random.Random(0)
    whole = {suffix: moving(tmp_path / f"whole{suffix}", 20).read_bytes() for suffix in (".avi", ".mp4", ".mkv")}
    (tmp_path / "videos").mkdir()
    entries = [Entry("whole", "test", "../whole.mp4")]
    for k in range(100):
        how = draw.choice(("truncated", "flipped", "flipped", "text", "empty"))
        suffix = draw.choice(sorted(whole))
        named = draw.choice(sorted(VIDEO_SUFFIXES)) if k % 4 == 0 else suffix  # every fourth: a wrong extension too
        (tmp_path / "videos" / f"{k}{named}").write_bytes(broken(whole[suffix], how, draw))
        entries.append(Entry(f"v{k}", "test", f"{k}{named}"))
    decode_shard(entries, tmp_path / "videos", tmp_path / "frames", made_with.decoding)
    flow_shard(tmp_path / "frames", tmp_path / "flow", made_with.flow)
    extract_shard(tmp_path / "frames", tmp_path / "flow", tmp_path / "f.h5", made_with, RECIPE)
    with h5py.File(tmp_path / "f.h5") as file:
        statuses = {status.video: status for status in read_statuses(file)}
        assert set(statuses) == {entry.video for entry in entries}
        assert set(file) == {name for name, status in statuses.items() if status.status != "set aside"}
    assert statuses["whole"].status == "ok"
    assert all(status.reason and "\n" not in status.reason for s, status in statuses.items() if status.status != "ok")
    assert sum(status.status == "set aside" for status in statuses.values()) > 40  # the text, the empty and more
    assert any(status.status == "damaged" for status in statuses.values())  # what decodes is kept


def test_a_decoder_that_dies_takes_only_its_file(tmp_path, moving, made_with, monkeypatch):
    moving(tmp_path / "a.avi", 20)
    ask = isolated._Child.ask

    def kills(child, question):
        if question["path"].endswith("b.avi"):
            os.kill(child.process.pid, signal.SIGSEGV)
        ask(child, question)

    monkeypatch.setattr(isolated._Child, "ask", kills)
    entries = [Entry(name, "test", file) for name, file in (("a", "a.avi"), ("b", "b.avi"), ("c", "a.avi"))]
    (tmp_path / "b.avi").write_bytes((tmp_path / "a.avi").read_bytes())
    decode_shard(entries, tmp_path, tmp_path / "frames", made_with.decoding)
    statuses = read_status(tmp_path / "frames" / STATUS)
    assert [status.status for status in statuses] == ["ok", "set aside", "ok"]
    assert "dies (SIGSEGV)" in statuses[1].reason


@pytest.mark.slow
def test_killed_at_ten_moments(tmp_path, moving, made_with):
    """Every run is killed as soon as it has begun a number of videos that is drawn, and a moment later."""
    draw = random.Random(1)
    for k in range(12):
        moving(tmp_path / f"videos/{k:02d}.avi", 34, seed=k)
    recipe = tmp_path / "recipe.json"
    recipe.write_text(made_with.model_dump_json())
    whole, killed = (tmp_path / name for name in ("whole", "killed"))
    for folder in (whole, killed):
        folder.mkdir()
        (folder / "log").touch()
    command = [sys.executable, "-c", RUN, str(tmp_path / "videos"), str(recipe)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def start(out: Path) -> int:
            print(out, file=server.stdin, flush=True)
            return int(server.stdout.readline())

        start(whole)
        assert int(server.stdout.readline()) == 0
        for _ in range(10):
            before, more = len((killed / "log").read_text().split("\n")), draw.randrange(1, 4)
            process, deadline = start(killed), time.monotonic() + 300
            while len((killed / "log").read_text().split("\n")) < before + more:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.02))
            os.kill(process, signal.SIGKILL)
            assert int(server.stdout.readline()) == signal.SIGKILL
        start(killed)
        assert int(server.stdout.readline()) == 0
        server.stdin.close()
    assert (killed / "f.h5").read_bytes() == (whole / "f.h5").read_bytes()
    once, again = ((folder / "log").read_text().splitlines() for folder in (whole, killed))
    assert len(set(once)) == len(once) == 36 and set(again) == set(once)
    assert len(again) <= len(once) + 10  # at most one video's work was repeated for each kill
    assert sorted(path.name for path in killed.iterdir()) == ["f.h5", "flow", "frames", "log"]


@pytest.fixture(scope="module")
def decoded(real, tmp_path_factory):
    """Every real clip, decoded to small frames."""
    files = sorted(path for path in (real / "videos").rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    entries = [Entry(path.stem, "test", str(path.relative_to(real / "videos"))) for path in files]
    out = tmp_path_factory.mktemp("real") / "frames"
    decode_shard(entries, real / "videos", out, Decoding(short_side=16, crop=16))
    with (out / STATUS).open() as file:
        return {row["video"]: row for row in csv.DictReader(file)}


def test_every_real_clip_goes_through(decoded):
    assert len(decoded) >= 18
    aside = {name: row["reason"] for name, row in decoded.items() if row["status"] == "set aside"}
    assert aside == {}
    assert all(int(row["frames"]) >= 16 for name, row in decoded.items() if name != "video_0")
    assert decoded["video_0"]["frames"] == "3"  # whether that is enough depends on the span, which decoding ignores


def test_the_corrupted_ones_are_marked_with_what_was_kept(decoded):
    marked = {name: row for name, row in decoded.items() if row["status"] == "damaged"}
    assert "corrupted" in marked
    assert all(row["reason"] and int(row["frames"]) > 0 for row in marked.values())
