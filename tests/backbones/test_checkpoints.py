"""Reading PyTorch files of strangers: what is refused before it costs anything, and which file is which."""

import hashlib
import os
import pickle
import resource
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from actionbytes.backbones.checkpoints import KnownFile, averaged_stem, filled, identified, read_checkpoint
from actionbytes.errors import UserError

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.0, -1.0])}


def same(left, right) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".checkpoint.pth.tar"])
@pytest.mark.parametrize("content", [STATE, {"epoch": 3, "arch": "p3d", "state_dict": STATE}])
def test_a_state_dict_alone_or_in_a_checkpoint(tmp_path, zipped, suffix, content):
    path = tmp_path / f"x{suffix}"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert same(read_checkpoint(path), STATE)


def test_safetensors_load(tmp_path):
    save_file(STATE, tmp_path / "x.safetensors")
    assert same(read_checkpoint(tmp_path / "x.safetensors"), STATE)
    (tmp_path / "x.safetensors").write_bytes(b"12345678{}")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        read_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([STATE], "holds no state dict"),
        ({}, "holds no state dict"),
        ({"state_dict": {}}, "holds no state dict"),
        ({"a": torch.zeros(1), "epoch": 3}, r"no plain state dict \(it has a, epoch\)"),
        ({1: torch.zeros(1)}, "no plain state dict"),
        ({"state_dict": {"module.a": torch.zeros(1)}}, 'start with "module."'),
        ({"a": torch.zeros(1).expand(10**12)}, "claim 4000000000000 bytes, the file has"),
        ({"state_dict": STATE, "optimizer": [{"b": (torch.zeros(1).expand(10**12),)}]}, "bytes, the file has"),
        ({"a": torch.zeros(1).expand(10**5), "b": torch.zeros(1)}, "claim 400004 bytes"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_other_contents_are_named(tmp_path, content, says, zipped):
    path = tmp_path / "x.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match=says) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_short_is_one_line(tmp_path, zipped):
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    torch.save({key: value.repeat(50, *[1] * (value.ndim - 1)) for key, value in STATE.items()}, whole)
    content = whole.read_bytes()
    for size in (0, 1, 4, 64, 500, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:size])
        with pytest.raises(UserError) as error:
            read_checkpoint(cut)
        assert str(cut) in str(error.value)
        assert "\n" not in str(error.value)


class _Storage:
    def __init__(self, numel):
        self.numel = numel


class _Tensor:
    """Three numbers of a storage that claims to be larger."""

    def __init__(self, numel):
        self.numel = numel

    def __reduce__(self):
        return torch._utils._rebuild_tensor, (_Storage(self.numel), 0, (3,), (1,))


def write_in_the_older_format(path, numel: int) -> None:
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return ("storage", torch.FloatStorage, "k", "cpu", numel, None) if isinstance(thing, _Storage) else None

    sizes = {"short": 2, "int": 4, "long": 4}
    with path.open("wb") as file:
        for head in (
            0x1950A86A20F9469CFC6C,
            1001,
            {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes},
        ):
            pickle.dump(head, file, protocol=2)
        Pickler(file, protocol=2).dump({"a": _Tensor(numel)})
        pickle.dump(["k"], file, protocol=2)
        file.write(numel.to_bytes(8, "little") + bytes(12))


def test_the_older_format_may_not_claim_a_storage_larger_than_the_file(tmp_path):
    path = tmp_path / "x.pt"
    write_in_the_older_format(path, 3)
    assert read_checkpoint(path)["a"].tolist() == [0, 0, 0]
    write_in_the_older_format(path, 10**9)  # torch.load by itself would fill these 4 GB before it finds the end
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="claim 4000000000 bytes"):
        read_checkpoint(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB


def test_a_file_that_grows_when_unpacked_is_not_unpacked(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "big.pt")
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(tmp_path / "big.pt") as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    assert bomb.stat().st_size < 50_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("must not be reached"))
    with pytest.raises(UserError, match="compressed inside"):
        read_checkpoint(bomb)


def test_a_pickle_that_runs_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    torch.save({"state_dict": STATE, "extra": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="more than tensors"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "harm").exists()


def test_missing_file_and_odd_suffix(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_checkpoint(tmp_path / "none.pt")
    (tmp_path / "x.npz").write_bytes(b"x")
    with pytest.raises(UserError, match="weights end in"):
        read_checkpoint(tmp_path / "x.npz")


def test_loading_draws_no_random_number(tmp_path):
    before = torch.random.get_rng_state()
    network = filled(lambda: nn.BatchNorm2d(2), {k: torch.ones(2) for k in KEYS}, tmp_path, "it")
    assert torch.equal(before, torch.random.get_rng_state())
    assert network.num_batches_tracked == 0
    assert not network.training


KEYS = ("weight", "bias", "running_mean", "running_var")


def test_half_precision_becomes_single(tmp_path):
    network = filled(lambda: nn.BatchNorm2d(2), {k: torch.ones(2, dtype=torch.float16) for k in KEYS}, tmp_path, "it")
    assert network.weight.dtype == torch.float32


def test_which_published_file_it_is(tmp_path):
    path = tmp_path / "known.pth"
    path.write_bytes(b"hello\n")
    digest = hashlib.sha256(b"hello\n").hexdigest()
    blob = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object of this content
    by_sha = KnownFile("other.pth", "rgb", "here", sha256=digest[:8])
    by_blob = KnownFile("other.pth", "rgb", "here", git_blob=blob)
    unhashed = KnownFile("known.pth", "rgb", "here")
    assert identified(path, [unhashed, by_sha]) is by_sha
    assert identified(path, [by_blob]) is by_blob
    assert identified(path, [unhashed]) is None
    assert identified(path, []) is None
    with pytest.raises(UserError, match=r"has not the bytes published under this name \(SHA-256 abcd\.\.\.\)"):
        identified(path, [KnownFile("known.pth", "rgb", "here", sha256="abcd")])
    assert identified(path, [KnownFile("known.pth", "rgb", "here", git_blob="0000")]) is None  # a name anyone may use
    with pytest.raises(UserError, match=r"is other\.pth; too new"):
        identified(path, [KnownFile("other.pth", "rgb", "here", sha256=digest, unfit="too new")])


def test_the_averaged_stem_by_hand():
    weight = torch.tensor([[[[1.0]], [[2.0]], [[6.0]]]])  # one filter of three channels
    assert averaged_stem(weight, 10).tolist() == [[[[3.0]]] * 10]


@pytest.mark.parametrize("record", [b"PK\x06\x07" + b"\0" * 4 + b"\0" * 8 + b"\x02\0\0\0", b"version"])
def test_an_archive_that_claims_what_is_not_supported_is_one_line(tmp_path, record):
    path = tmp_path / "w.pt"
    torch.save({"a": torch.ones(2)}, path)
    content = path.read_bytes()
    if record == b"version":  # that is needed to unpack the first entry of the directory
        at = content.rindex(b"PK\x01\x02") if content.count(b"PK\x01\x02") == 1 else content.index(b"PK\x01\x02")
        content = content[: at + 6] + b"\xff" + content[at + 7 :]
    else:  # another disk, in the locator before the end of the directory
        at = content.rindex(b"PK\x05\x06")
        content = content[: at - 20] + record + content[at:]
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged or cut short"):
        read_checkpoint(path)
