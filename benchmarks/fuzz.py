"""Broken input to every reader and command: a result or one clear line, never a traceback, a hang, or a file not named.

    python benchmarks/fuzz.py --seconds 60 [--only NAME] [--seed N] [--keep FOLDER]

Inputs are made from small seeds and dictionaries below by flips, cuts, doublings and words of the format. Each trial
runs in a child process with limits of memory and time. An audit hook notes files that Python opens outside the trial's
folder, connections and new processes. Exit status 1 if anything is found; what made it is kept in the folder.
"""

import argparse
import contextlib
import gzip
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

MEMORY = 1 << 30  # bytes that a trial may take beyond what the process had before all trials
HANG_S = 20
TRUTH = {
    "database": {
        "v1": {"subset": "test", "duration": 9.0, "fps": 25, "annotations": [{"label": "x", "segment": [0.5, 2]}]},
        "v2": {"subset": "test", "duration": 5.0, "annotations": [{"label": "y z", "segment": ["1", 3]}]},
        "v3": {"subset": "train", "annotations": [], "ambiguous": [[1, 2]]},
    }
}
FOUND = {"version": "1.3", "results": {"v1": [{"label": "x", "segment": [0, 2], "score": 0.5}], "v2": []}}
ANY = [b"", b"\0", b"\n", b"\r\n", b",", b'"', b" ", b"-", b"/", b"../", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80"]
NUMBERS = [
    b"0",
    b"-1",
    b"1e308",
    b"1e999",
    b"nan",
    b"NaN",
    b"Infinity",
    b"9" * 30,
    b"9" * 5000,
    b"0x10",
    b"1_0",
    b"true",
]
JSON = [b"null", b"{}", b"[]", b"[" * 2000, b'{"a":1,"a":2}', b'"\\ud800"', b'"a/b"', b'""', b"\\u0000", *NUMBERS]
YAML = [
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!python/object:os.system ",
    b"!!binary ",
    b"2024-01-01",
    b"yes",
    b"? ",
    b"- ",
    b": ",
    *NUMBERS,
]


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def pickled_pack() -> bytes:
    import numpy as np

    rows = np.empty(2, object)
    rows[:] = [np.ones((10, 8), np.float32), np.ones((6, 8), np.float32)]
    stream = io.BytesIO()
    np.save(stream, rows, allow_pickle=True)
    return stream.getvalue()


def array() -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.save(stream, np.ones((10, 8), np.float32))
    return stream.getvalue()


def shard() -> bytes:
    import h5py
    import numpy as np

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["recipe"] = "{}"
        file.attrs["statuses"] = "[]"
        group = file.create_group("v1")
        for name in ("rgb", "flow"):
            group.create_dataset(name, data=np.ones((10, 4), np.float32))
        group.attrs.update(duration=6.4, frames=160, fps=25.0, span=16, hop_s=0.64, complete=True)
    return stream.getvalue()


def weights(ending: str) -> bytes:
    import safetensors.torch
    import torch

    tensors = {"a.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}
    if ending == "safetensors":
        return safetensors.torch.save(tensors, {"about": "{}"})
    stream = io.BytesIO()
    torch.save(tensors, stream)
    return stream.getvalue()


def video() -> bytes:
    import av
    import numpy as np

    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        coded = container.add_stream("mpeg4", rate=25)
        coded.width = coded.height = 32
        for i in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 10 * i, np.uint8), format="rgb24")
            container.mux(coded.encode(picture))
        container.mux(coded.encode())
    return stream.getvalue()


def word_vectors() -> bytes:
    return b"2 3\n" + b"".join(word + b" " + bytes(12) + b"\n" for word in (b"jump", b"run"))


def trials() -> dict[str, tuple[str, bytes, list[bytes], Callable[[Path], object]]]:
    """Name -> (name of the file, seed, dictionary, what reads it)."""
    from actionbytes.backbones.weights import read_weights
    from actionbytes.data.annotations import read_annotations
    from actionbytes.data.detections import read_detections
    from actionbytes.data.exclusions import read_excluded
    from actionbytes.data.manifests import read_manifest, read_status
    from actionbytes.data.scores import read_scores
    from actionbytes.data.splits import read_split
    from actionbytes.data.words import read_word2vec
    from actionbytes.features.importing import import_videos, read_object_array
    from actionbytes.features.made_with import making_of
    from actionbytes.features.store import load_features, read_made_with
    from actionbytes.papers.declared import read_papers
    from actionbytes.parameters import read_yaml, with_overrides
    from actionbytes.planning.params import read_config as read_params
    from actionbytes.training.runs import read_config
    from actionbytes.video.isolated import IsolatedReader
    from actionbytes.video.parameters import Decoding

    root = Path(__file__).resolve().parent.parent
    text = (root / "params.yaml").read_bytes()
    paper = min((root / "papers").glob("*.yaml"), key=lambda path: path.stat().st_size).read_bytes()
    truth, found = as_json(TRUTH), as_json(FOUND)

    def import_(path: Path) -> None:
        (path.parent / "gt.json").write_bytes(truth)
        import_videos(path.parent, read_annotations(path.parent / "gt.json"), path.parent / "out")

    def overrides(path: Path) -> None:
        with_overrides({"a": {"b": 1}}, (path.read_bytes().decode("utf-8", "surrogateescape"),))

    def command(*arguments: str) -> Callable[[Path], None]:
        def run(path: Path) -> None:
            (path.parent / "gt.json").write_bytes(truth) if path.name != "gt.json" else None
            (path.parent / "d.json").write_bytes(found) if path.name != "d.json" else None
            called(*(part.replace("HERE", str(path.parent)) for part in arguments))

        return run

    def text_folder(path: Path) -> None:
        read_annotations(path.parent)

    def decode(path: Path) -> None:
        for _ in IsolatedReader(path, Decoding(short_side=32, crop=32)):
            pass

    submission = command("submission", "HERE/d.json", "HERE/gt.json", "--subset", "test", "--out", "HERE/s.json")
    analyze = command("analyze", "HERE/d.json", "HERE/gt.json", "--subset", "test", "--out", "HERE/out")
    evaluate = command("evaluate", "HERE/d.json", "HERE/gt.json", "--subset", "test", "--out", "HERE/m.json")
    inspect = command("weights", "inspect", "HERE/w.pt")
    return {
        "annotations": ("gt.json", truth, JSON, read_annotations),
        "annotations packed": ("gt.json.gz", gzip.compress(truth), JSON, read_annotations),
        "THUMOS folder": (
            "Jump_test.txt",
            b"v1 0.5 2.0\nv2 1 3\n",
            NUMBERS,
            lambda path: read_annotations(path.parent),
        ),
        "detections": ("d.json", found, JSON, read_detections),
        "THUMOS detections": ("d.txt", b"v1 0.5 2.0 x 0.5\n", NUMBERS, read_detections),
        "scores": ("s.csv", b"video,part,x\nv1,fusion,0.5\n", NUMBERS, read_scores),
        "videos.csv": ("v.csv", b"video,subset,file,sha256\nv1,test,videos/v1.mp4,00\n", NUMBERS, read_manifest),
        "status.csv": ("s.csv", b"video,frames,status,reason\nv1,16,ok,\n", NUMBERS, read_status),
        "excluded.csv": ("e.csv", b"source,excluded\nx,y\n", ANY, read_excluded),
        "split": ("s.yaml", b"classes: [x, y]\n", YAML, read_split),
        "YAML": ("p.yaml", b"a: {b: [1, 2.5, yes]}\nc: text\n", YAML, read_yaml),
        "--set": ("set", b"a.b=[1, 2]", YAML, overrides),
        "params.yaml": ("params.yaml", text, YAML, read_params),
        "papers": ("p.yaml", paper, YAML, lambda path: read_papers(path.parent)),
        "config.yaml": ("config.yaml", b"method: wtalc\nseed: 0\n", YAML, lambda path: read_config(path.parent)),
        "features.json": ("features.json", b'{"decoding": {}}', JSON, lambda path: making_of(path.parent)),
        "words": ("w.bin", word_vectors(), NUMBERS, read_word2vec),
        "words packed": ("w.bin.gz", gzip.compress(word_vectors()), NUMBERS, read_word2vec),
        "array": ("v1.npy", array(), NUMBERS, import_),
        "object array": ("pack.npy", pickled_pack(), [b"c", b"R", b"numpy\nndarray\n"], read_object_array),
        "shard": ("f.h5", shard(), NUMBERS, load_features),
        "shard's recipe": ("f.h5", shard(), JSON, read_made_with),
        "weights .pt": ("w.pt", weights("pt"), NUMBERS, read_weights),
        "weights .safetensors": ("w.safetensors", weights("safetensors"), JSON, read_weights),
        "evaluate detections": ("d.json", found, JSON, evaluate),
        "evaluate truth": ("gt.json", truth, JSON, evaluate),
        "analyze": ("d.json", found, JSON, analyze),
        "submission": (
            "d.json",
            found,
            JSON,
            submission,
        ),
        "weights inspect": ("w.pt", weights("pt"), NUMBERS, inspect),
        "compare-features": ("f.h5", shard(), NUMBERS, command("compare-features", "HERE/f.h5", "HERE/f.h5")),
        "video": ("v1.mp4", video(), NUMBERS, decode),
        "index": ("annotations.json", truth, JSON, command("index", "HERE")),
    }


def called(*arguments: str) -> None:
    """Run a command in this process; anything but a result or one line of error is an AssertionError."""
    from actionbytes.cli import main

    out, err = io.StringIO(), io.StringIO()
    status = 0
    sys.argv = ["actionbytes", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
    lines = [line for line in err.getvalue().splitlines() if line.startswith("error: ")]
    if status not in (0, 1, 2) or (status == 2 and len(lines) != 1) or "Traceback" in err.getvalue():
        raise AssertionError(f"exit status {status}, {err.getvalue()!r:.500}")


def mutated(seed: bytes, words: list[bytes], rng: random.Random) -> bytes:
    """The seed after one to four changes."""
    content = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        change = rng.randrange(7)
        if change == 0 and content:
            content[at % len(content)] ^= 1 << rng.randrange(8)
        elif change == 1:
            content[at : min(end, at + 16)] = b""
        elif change == 2:
            content[at:at] = rng.choice(words + ANY)
        elif change == 3:
            content[at : at + rng.randrange(1, 9)] = rng.choice(words + ANY)
        elif change == 4:
            content[at:at] = content[at : min(end, at + 200)] * rng.choice((1, 2, 50))
        elif change == 5:
            del content[at:]
        else:
            content[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
    return bytes(content)


class Watch:
    """Notes what Python opens while a trial runs."""

    def __init__(self, folder: Path) -> None:
        here = Path(__file__).resolve().parent.parent
        own = (folder, here, sys.prefix, sys.base_prefix, "/proc/self", "/proc/meminfo", "/dev/null", "/etc", "/usr")
        self.allowed, self.on, self.seen = tuple(map(str, own)), False, []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)) if isinstance(arguments[2], int) else False
            if not path.startswith(self.allowed[:1] if writes else self.allowed) and path != "/dev/null":
                self.seen.append(f"opened {path}" + (" to write" if writes else ""))
        elif event == "subprocess.Popen" and arguments[0] == sys.executable:  # the process that decodes
            return
        elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            self.seen.append(f"{event} {arguments!r:.200}")


class Hang(BaseException):
    """A trial took too long."""


def child(only: str, seed: int, seconds: float, keep: Path) -> None:
    """Run trials until the time is over; prints a JSON line for each finding and one at the end."""
    from actionbytes.errors import UserError

    os.environ["MPLBACKEND"] = "Agg"
    table = {name: trial for name, trial in trials().items() if re.search(only, name)}
    rng, tried, before = random.Random(seed), Counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Hang()))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        watch = Watch(Path(name).resolve())
        watch.on = True
        with contextlib.suppress(OSError):
            Path("/nowhere/at/all").read_bytes()
        assert watch.seen, "the hook sees what is opened"
        watch.on = False
        for i, (file, content, _, read) in enumerate(table.values()):  # healthy input first, which loads all modules
            place = Path(name) / f"healthy-{i}"
            place.mkdir()
            (place / file).write_bytes(content)
            with contextlib.suppress(UserError), contextlib.redirect_stdout(io.StringIO()):
                read(place / file)
        resource.setrlimit(resource.RLIMIT_AS, (held + (2 << 30) + MEMORY, resource.RLIM_INFINITY))
        while time.monotonic() < end:
            trial = rng.choice(list(table))
            file, content, words, read = table[trial]
            place = Path(name) / f"t{sum(tried.values())}"
            place.mkdir()
            (place / file).write_bytes(mutated(content, words, rng))
            (keep / "last").write_bytes(f"{trial}\n".encode() + (place / file).read_bytes())
            problem, watch.seen = "", []
            signal.alarm(HANG_S)
            watch.on = True
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    read(place / file)
            except UserError as error:
                problem = "more than a line" if "\n" in str(error) else ""
            except Hang:
                problem = f"no end after {HANG_S} s"
            except BaseException:
                problem = traceback.format_exc(limit=-4)
            watch.on = False
            signal.alarm(0)
            tried[trial] += 1
            if problem or watch.seen:
                kept = keep / f"{trial.replace(' ', '-').replace('/', '-')}-{seed}-{tried[trial]}-{file}"
                kept.write_bytes((place / file).read_bytes())
                print(json.dumps({"trial": trial, "kept": str(kept), "problem": problem, "opened": watch.seen[:3]}))
            shutil.rmtree(place, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"tried": tried, "peak_mib": (peak - before) >> 10}), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="regular expression: which trials to run")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "actionbytes-fuzz")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.child:
        child(options.only, options.seed, options.seconds, options.keep)
        return 0
    findings: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    peak, end, seed = 0, time.monotonic() + options.seconds, options.seed
    while (left := end - time.monotonic()) > 1:  # a child that dies is followed by another
        command = [sys.executable, __file__, "--child", "--seed", str(seed), "--only", options.only]
        command += ["--seconds", str(left), "--keep", str(options.keep)]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=left + 120, check=False)
        for line in run.stdout.splitlines():
            said = json.loads(line)
            if "tried" in said:
                tried.update(said["tried"])
                peak = max(peak, said["peak_mib"])
            else:
                cause = said["problem"].strip().splitlines()[-1] if said["problem"] else "; ".join(said["opened"])
                findings[f"{said['trial']}: {cause:.200}"] += 1
                print(f"{said['trial']}: {said['problem'] or said['opened']}\n  {said['kept']}")
        if run.returncode:
            last = options.keep / f"died-{seed}"
            (options.keep / "last").replace(last)
            findings[f"the process died ({run.returncode}): {last}"] += 1
        seed += 1
    for name, count in sorted(tried.items()):
        print(f"{count:7} {name}")
    print(f"{sum(tried.values())} inputs, peak {peak} MiB beyond the start, {sum(findings.values())} findings")
    for finding, count in findings.most_common():
        print(f"{count:7} {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
