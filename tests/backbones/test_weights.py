"""Weights: what loads, what is refused and how it is said, and the golden numbers where published files are at hand."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from actionbytes.backbones.i3d import I3D, initialize
from actionbytes.backbones.published import PUBLISHED, check_declared, git_blob_id, identify, weights_digest
from actionbytes.backbones.weights import load_i3d, read_weights, save_i3d
from actionbytes.errors import UserError

COUNTER = "num_batches_tracked"


@pytest.fixture(scope="module")
def model() -> I3D:
    model = I3D(3, 12, 0.125)
    initialize(model, torch.Generator().manual_seed(3))
    return model.eval()


@pytest.fixture
def state(model) -> dict:
    return {key: value.clone() for key, value in model.state_dict().items() if not key.endswith(COUNTER)}


def same(model, other) -> bool:
    other = other.state_dict()
    return all(torch.equal(value, other[key]) for key, value in model.state_dict().items())


def test_ours_come_back_as_they_were(model, tmp_path):
    path = tmp_path / "deep" / "rgb.safetensors"
    save_i3d(model, path, {"seed": 1, "accuracy": 0.5})
    loaded = load_i3d(path, "rgb", 12)
    assert same(model, loaded)
    assert (loaded.width, loaded.feature_dim, loaded.training) == (0.125, 128, False)
    assert read_weights(path)[1] == {"seed": 1, "accuracy": 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["rgb.safetensors"]


def test_same_weights_same_bytes(model, tmp_path):
    for name in "ab":
        save_i3d(model, tmp_path / f"{name}.safetensors", {"x": 1, "y": 2, "z": 3})
    digests = {weights_digest(tmp_path / f"{name}.safetensors") for name in "ab"}
    assert len(digests) == 1


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_without_counters_loads(model, state, tmp_path, zipped):
    path = tmp_path / "rgb.pt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    assert same(model, load_i3d(path))


def test_loading_draws_no_random_number(state, tmp_path):
    torch.save(state, tmp_path / "rgb.pt")
    before = torch.random.get_rng_state()
    load_i3d(tmp_path / "rgb.pt")
    assert torch.equal(before, torch.random.get_rng_state())


class _Storage:
    def __init__(self, tensor):
        self.tensor = tensor


class _Tensor:
    """A tensor as PyTorch 0.3 pickled it: `_rebuild_tensor` over a storage that lives on a GPU."""

    def __init__(self, tensor):
        self.tensor = tensor.contiguous()

    def __reduce__(self):
        stride = self.tensor.stride()
        return torch._utils._rebuild_tensor, (_Storage(self.tensor), 0, tuple(self.tensor.shape), stride)


def write_as_pytorch_03(state, path):
    storages = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, _Storage):
                return None
            key = str(id(thing.tensor))
            storages[key] = thing.tensor
            return ("storage", torch.cuda.FloatStorage, key, "cuda:0", thing.tensor.numel(), None)

    with path.open("wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file, protocol=2)
        pickle.dump(1001, file, protocol=2)
        sizes = {"short": 2, "int": 4, "long": 4}
        pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}, file, protocol=2)
        Pickler(file, protocol=2).dump({key: _Tensor(value) for key, value in state.items()})
        pickle.dump(sorted(storages), file, protocol=2)
        file.flush()
        for key in sorted(storages):
            file.write(np.int64(storages[key].numel()).tobytes() + storages[key].numpy().tobytes())


def test_the_format_of_the_published_files_loads(model, state, tmp_path):
    write_as_pytorch_03(state, tmp_path / "rgb_imagenet.pt")
    assert same(model, load_i3d(tmp_path / "rgb_imagenet.pt", "rgb"))


@pytest.mark.parametrize("suffix", [".pt", ".legacy.pt", ".safetensors"])
def test_a_file_cut_short_is_one_line(model, state, tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".safetensors":
        save_i3d(model, whole)
    else:
        torch.save(state, whole, _use_new_zipfile_serialization=suffix == ".pt")
    content = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    for size in (0, 1, 3, 64, 500, 5000, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:size])
        with pytest.raises(UserError) as error:
            load_i3d(cut)
        assert str(cut) in str(error.value)
        assert "\n" not in str(error.value)


def test_a_pickle_that_runs_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="more than tensors"):
        load_i3d(tmp_path / "evil.pt")
    assert not (tmp_path / "harm").exists()


def broken(state, change) -> dict:
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("Mixed_4c.b1b.bn.bias"), "lacks Mixed_4c.b1b.bn.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "does not know: extra"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": torch.zeros(9)}), r"Mixed_3b.b0.bn.bias has shape \(9,\)"),
        (lambda s: s["Mixed_3b.b0.bn.bias"].fill_(torch.nan), "not finite"),
        (lambda s: s.update({"Conv3d_1a_7x7.conv3d.weight": torch.zeros(9, 3, 7, 7, 7)}), "stem has 9 channels"),
        (lambda s: s.clear() or s.update({"conv3d_1a_7x7.conv3d.weight": torch.zeros(1)}), "hassony2"),
        (lambda s: s.clear() or s.update({"module.logits.conv3d.weight": torch.zeros(1)}), "DataParallel"),
        (lambda s: s.clear() or s.update({"fc.weight": torch.zeros(1)}), "is no I3D"),
        (lambda s: s.clear(), "holds no state dict"),
        (lambda s: s.update({3: torch.zeros(1)}), "no plain state dict"),
        (lambda s: s.update(x=torch.zeros(2, 2).to_sparse()), "sparse"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": s["Mixed_3b.b0.bn.bias"].to(torch.complex64)}), "complex64"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": s["Mixed_3b.b0.bn.bias"] > 0}), "torch.bool"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": s["Mixed_3b.b0.bn.bias"].int()}), "torch.int32"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": s["Mixed_3b.b0.bn.bias"].to(torch.float8_e5m2)}), "float8"),
        (lambda s: s.update(x=torch.zeros(1).as_strided((1 << 40,), (0,))), "claim"),
        (lambda s: s.update(epoch=3), "no plain state dict"),
    ],
)
def test_other_contents_are_named(state, tmp_path, change, says):
    torch.save(broken(state, change), tmp_path / "x.pt")
    with pytest.raises(UserError, match=says):
        load_i3d(tmp_path / "x.pt")


@pytest.mark.parametrize("about", ["5", "[", "[" * 100_000, "1" * 5000, '"text"'])
def test_what_a_file_says_about_itself_must_be_an_object(state, tmp_path, about):
    save_file(state, tmp_path / "x.safetensors", metadata={"about": about})
    with pytest.raises(UserError, match="about itself is damaged"):
        read_weights(tmp_path / "x.safetensors")


def test_wrong_stream_and_classes_are_named(model, tmp_path):
    path = tmp_path / "rgb.safetensors"
    save_i3d(model, path)
    with pytest.raises(UserError, match="3 channels, so it is for the rgb stream; give the flow stream"):
        load_i3d(path, "flow")
    with pytest.raises(UserError, match="12 classes, not 400"):
        load_i3d(path, "rgb", 400)


def test_missing_file_and_odd_suffix(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_i3d(tmp_path / "none.pt")
    with pytest.raises(UserError, match="no such file"):
        weights_digest(tmp_path / "none.pt")
    (tmp_path / "x.npz").write_bytes(b"x")
    with pytest.raises(UserError, match="weights end in"):
        load_i3d(tmp_path / "x.npz")


def test_digests(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert git_blob_id(path) == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object of this content
    assert weights_digest(path) == hashlib.sha256(b"hello\n").hexdigest()
    assert identify(path) is None
    assert len({known.git_blob for known in PUBLISHED}) == 2


def test_weights_must_be_those_that_are_declared(tmp_path):
    (tmp_path / "rgb.pt").write_bytes(b"hello\n")
    weights = {"rgb": tmp_path / "rgb.pt"}
    check_declared(weights, {"rgb": "ce013625030ba8dba906f756967f9e9ca394464a"})
    check_declared(weights, {})
    with pytest.raises(UserError, match="is not the file of rgb weights"):
        check_declared(weights, {"rgb": "0" * 40})
    (tmp_path / "rgb.pt").unlink()
    with pytest.raises(UserError, match="no such file of weights"):
        check_declared(weights, {"rgb": "0" * 40})


# Published golden numbers, wherever the published files are: $ACTIONBYTES_WEIGHTS or data/full/weights

GOLDEN = {"rgb": (87.108871, 25.856646), "flow": (63.252754, 15.957031)}  # norm of 400 logits, the largest
SAMPLE = {"rgb": "v_CricketShot_g04_c01_rgb.npy", "flow": "v_CricketShot_g04_c01_flow.npy"}
SAMPLE_BLOB = {
    "rgb": "d756c5020a6e0fb56a99b210e32f5865da712bba",
    "flow": "ee00e78e6f380caa5463de878d7c85ad7a01e668",
}


@pytest.fixture(scope="module")
def golden_logits(root):
    folder = Path(os.environ.get("ACTIONBYTES_WEIGHTS", root / "data" / "full" / "weights"))
    names = [known.name for known in PUBLISHED] + list(SAMPLE.values())
    if absent := [name for name in names if not (folder / name).is_file()]:
        pytest.skip(f"published weights and sample arrays are absent from {folder}: {', '.join(absent)}")
    logits = {}
    for known in PUBLISHED:
        sample = folder / SAMPLE[known.stream]
        assert identify(folder / known.name) == known
        assert git_blob_id(sample) == SAMPLE_BLOB[known.stream]
        clip = torch.from_numpy(np.load(sample, allow_pickle=False)).permute(0, 4, 1, 2, 3)  # (1, Cin, 79, 224, 224)
        with torch.inference_mode():
            logits[known.stream] = load_i3d(folder / known.name, known.stream, 400)(clip)[0].numpy()
    return logits


@pytest.mark.parametrize("stream", ["rgb", "flow", "joint"])
def test_golden_logits(golden_logits, real, stream):
    logits = golden_logits[stream] if stream in golden_logits else golden_logits["rgb"] + golden_logits["flow"]
    norm, top = GOLDEN.get(stream, (138.468658, 41.813675))
    assert np.linalg.norm(logits) == pytest.approx(norm, rel=1e-4)
    assert logits.max() == pytest.approx(top, rel=1e-4)
    expected = published_top20(real, stream)
    assert np.sort(logits)[::-1][:20] == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("stream", ["rgb", "flow", "joint"])
def test_the_golden_numbers_are_those_of_the_published_output(real, stream):
    """The constants above against the files that the original network's authors published."""
    norm, top = GOLDEN.get(stream, (138.468658, 41.813675))
    first = (real / "features" / f"i3d_sample_imagenet_{stream}.txt").read_text().splitlines()[0]
    assert first == f"Norm of logits: {norm:.6f}"
    assert published_top20(real, stream)[0] == pytest.approx(top)


def published_top20(real, stream) -> list[float]:
    lines = (real / "features" / f"i3d_sample_imagenet_{stream}.txt").read_text().splitlines()
    rows = [line.split(maxsplit=2) for line in lines[1:] if line and line[0].isdigit()]
    assert len(rows) == 20
    return [float(row[1]) for row in rows]
