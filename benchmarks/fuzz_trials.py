"""What `fuzz.py` tries: for each reader and command the name of a file, a seed, a dictionary and what reads it."""

import contextlib
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

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
    from actionbytes.features.importing import import_videos, read_listed_names
    from actionbytes.features.made_with import making_of
    from actionbytes.features.packs import read_pack
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
        "object array": ("pack.npy", pickled_pack(), [b"c", b"R", b"numpy\nndarray\n"], read_pack),
        "names": ("n.txt", b"v1\nv2\n", ANY, read_listed_names),
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
