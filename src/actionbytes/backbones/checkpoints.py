"""Weights that others published as PyTorch files: read without running code and without trusting a size in them.

`read_checkpoint` reads, `identified` says which published file it is, `filled` puts tensors into a network whose every
key and shape must agree.
"""

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from actionbytes.backbones.published import git_blob_id, weights_digest
from actionbytes.errors import UserError

COUNTER = "num_batches_tracked"  # PyTorch before 0.4.1 did not know it, so files may lack it
SUFFIXES = (".pt", ".pth", ".tar", ".safetensors")

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32)

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class KnownFile:
    """A published file of weights.

    Attributes:
        name: What it is called where it is published.
        stream: "rgb" or "flow".
        source: Where it is, in words.
        sha256: Its SHA-256, or as many of the first digits as are published; empty if none are.
        git_blob: The id under which git stores it, where it lies in a repository; otherwise empty.
        unfit: Why it must not be used; empty if it may.
    """

    name: str
    stream: str
    source: str
    sha256: str = ""
    git_blob: str = ""
    unfit: str = ""


def identified(path: Path, known: Sequence[KnownFile]) -> KnownFile | None:
    """The published file with these bytes, or None for one that is not among `known`.

    Raises:
        UserError: The file's name carries a hash that its bytes do not have, or it is one that must not be used.
    """
    digest, blob = weights_digest(path), git_blob_id(path)
    for file in known:
        if (file.sha256 and digest.startswith(file.sha256)) or file.git_blob == blob:
            if file.unfit:
                raise UserError(f"{path}: is {file.name}; {file.unfit}")
            return file
    for file in known:
        if file.sha256 and path.name == file.name:
            raise UserError(
                f"{path}: has not the bytes published under this name (SHA-256 {file.sha256[:16]}...); fetch it again, "
                "or rename your own"
            )
    return None


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors by key, on the CPU, of a state dict or of a checkpoint with one under "state_dict".

    A first pass makes tensors without memory; numbers are read once all of them are known to fit into the file's size.

    Raises:
        UserError: The file is missing, damaged, holds more than tensors or claims more numbers than it has bytes for.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: is empty; fetch it again")
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: weights end in {', '.join(SUFFIXES)}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            raise UserError(f"{path}: not a whole safetensors file ({error}); convert it again") from None
    _check_archive(path)
    if zipfile.is_zipfile(path):
        content = _loaded(path, "meta")
    else:  # here "meta" would first take all the memory that the file claims
        with FakeTensorMode():
            content = _loaded(path, "cpu")
    _state_of(content, path)
    _check_size(content, path)
    return _state_of(_loaded(path, "cpu"), path)


def filled(make: Callable[[], Network], state: Mapping[str, Tensor], path: Path, called: str) -> Network:
    """The network of `make` with the values of `state`, in eval mode.

    Every key of the network must be there with its shape, and no other; only `num_batches_tracked` may be missing.

    Args:
        make: Builds the network; called on the meta device, where it costs nothing and draws no random number.
        state: Tensors by key.
        path: Where they are from, for messages.
        called: The network's name, for messages.

    Raises:
        UserError: A key is missing or unknown, a shape or a type differs, or a value is not finite.
    """
    try:
        with torch.device("meta"):
            network = make()
    except (ValueError, RuntimeError) as error:  # of a size that no network has
        raise UserError(f"{path}: its first or last layer is not {called}'s ({error})") from None
    expected = network.state_dict()
    counters = {key: torch.zeros_like(value, device="cpu") for key, value in expected.items() if key.endswith(COUNTER)}
    state = counters | dict(state)
    if missing := [key for key in expected if key not in state]:
        raise UserError(f"{path}: lacks {some(missing)} of {called}; fetch or convert the file again")
    if unknown := [key for key in state if key not in expected]:
        raise UserError(f"{path}: has keys that {called} does not know: {some(unknown)}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise UserError(f"{path}: {key} has shape {tuple(value.shape)}, not {tuple(expected[key].shape)}")
        if value.is_floating_point() != expected[key].is_floating_point() or value.dtype not in DTYPES:
            raise UserError(f"{path}: {key} holds {value.dtype}, not {expected[key].dtype}; convert the file again")
        if not value.isfinite().all():
            raise UserError(f"{path}: {key} holds values that are not finite; fetch or train the file again")
        if key.endswith("running_var") and (value < 0).any():
            raise UserError(f"{path}: {key} holds a negative variance; fetch or convert the file again")
    network = network.to_empty(device="cpu")
    network.load_state_dict(state)
    return network.eval()


def averaged_stem(weight: Tensor, channels: int) -> Tensor:
    """Filters (O, C, k, k) for another number of channels: their mean over the old ones, repeated.

    The start of flow networks from image networks in Temporal Segment Networks (Wang et al. 2016, "cross modality
    pre-training"). The sum over channels is not kept, just as there.
    """
    return weight.mean(dim=1, keepdim=True).repeat(1, channels, 1, 1)


def some(keys: Sequence[str], limit: int = 3) -> str:
    """The first of `keys` and how many more there are."""
    return ", ".join(map(str, keys[:limit])) + (f" and {len(keys) - limit} more" if len(keys) > limit else "")


def _check_archive(path: Path) -> None:
    """Refuse a zip file (what `torch.save` writes) that would grow when it is unpacked."""
    try:
        if not zipfile.is_zipfile(path):
            return  # the older format: numbers follow one another as they are
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path}: damaged or cut short ({error}); fetch it again") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UserError(f"{path}: is compressed inside, which torch.save never does; fetch it from its publisher")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise UserError(f"{path}: its parts claim to be larger than the file; fetch it from its publisher")


def _loaded(path: Path, device: str) -> Any:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # damaged bytes in an unpickler can raise anything
        if "Weights only load failed" in str(error):
            raise UserError(
                f"{path}: holds more than tensors, or is damaged; only files that load without running code are read"
            ) from None
        size = path.stat().st_size
        raise UserError(f"{path}: damaged or cut short ({size} bytes), or no PyTorch file; fetch it again") from None


def _state_of(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content:
        raise UserError(f"{path}: holds no state dict; save model.state_dict() alone")
    state = dict(content)
    if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        raise UserError(
            f"{path}: holds no plain state dict (it has {some(list(state))}); save model.state_dict() alone"
        )
    if odd := [key for key, value in state.items() if not _plain(value)]:
        raise UserError(f"{path}: {odd[0]:.80} is sparse, quantised or without numbers; save plain tensors")
    if any(key.startswith("module.") for key in state):
        raise UserError(
            f'{path}: its keys start with "module."; save model.module.state_dict(), not the DataParallel wrapper'
        )
    return state


def _plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_quantized


def _check_size(content: Any, path: Path) -> None:
    """Refuse tensors (without memory) that could not be stored in so small a file."""
    size = path.stat().st_size
    claimed = 0
    for tensor in _tensors(content):
        claimed += tensor.numel() * tensor.element_size()
        most = max(claimed, tensor.untyped_storage().nbytes())
        if most > size:
            raise UserError(f"{path}: its tensors claim {most} bytes, the file has {size}; fetch it again")


def _tensors(content: Any) -> Iterator[Tensor]:
    """All tensors inside dicts, lists and tuples, each once."""
    waiting, seen = [content], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Tensor):
            yield thing
        elif isinstance(thing, dict):
            waiting.extend(thing.values())
        elif isinstance(thing, list | tuple):
            waiting.extend(thing)
