"""Kinds of features: network, streams and how a video is cut into snippets. Readable without torch, OpenCV and HDF5."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from actionbytes.backbones.parameters import Precision
from actionbytes.backbones.registry import NETWORKS
from actionbytes.parameters import Parameters
from actionbytes.video.parameters import Decoding

STREAMS = ("rgb", "flow")


def in_order(streams: Iterable[str]) -> tuple[str, ...]:
    """Streams without repetition, in the order in which their features lie side by side: rgb, flow, others by name."""
    names = set(streams)
    return tuple(stream for stream in STREAMS if stream in names) + tuple(sorted(names - set(STREAMS)))


class FeatureKind(Parameters):
    """A kind of features, as `params.yaml` declares it under `<suite>.features.<name>`.

    Snippet k of a video sees the frames k * hop to k * hop + span - 1 after resampling; what is left at the end of the
    video is not seen. Snippets overlap where `hop` is less than `span`, and leave frames out where it is more.
    """

    network: str = Field("i3d", description="name of the network that turns a snippet's frames into a feature vector")
    streams: tuple[str, ...] = Field(STREAMS, min_length=1, description="streams of the network to use: rgb, flow")
    span: int = Field(16, ge=1, description="frames that one snippet sees, after resampling")
    hop: int = Field(16, ge=1, description="frames from the first frame of one snippet to that of the next")
    fps: float | None = Field(
        None, gt=0, le=1000, description="frames a second after resampling; null: those of the suite's `decoding.fps`"
    )
    batch: int = Field(4, ge=1, description="snippets per forward pass; fixed, so that results do not depend on memory")
    precision: Precision = Field("fp32", description="fp32 is the exact mode, bf16 the fast one (docs/i3d.md)")
    threads: int = Field(1, ge=1, description="threads of torch; another number may give other last bits")
    dtype: Literal["float16", "float32"] = Field("float16", description="type in which features are stored")

    @field_validator("network")
    @classmethod
    def _there_is_one(cls, network: str) -> str:
        if network not in NETWORKS:
            raise ValueError(f"no such network; there is {', '.join(sorted(NETWORKS))}")
        return network

    @field_validator("streams")
    @classmethod
    def _of_the_network(cls, streams: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        network = NETWORKS.get(info.data.get("network", ""))
        if network and (unknown := set(streams) - set(network.streams)):
            has = f"{info.data['network']} has {' and '.join(network.streams)}"
            raise ValueError(f"no such stream: {', '.join(sorted(unknown))}; {has}")
        return in_order(streams)

    @field_validator("span")
    @classmethod
    def _fits_the_network(cls, span: int, info: ValidationInfo) -> int:
        network = NETWORKS.get(info.data.get("network", ""))
        if network and span not in network.spans:
            raise ValueError(f"{info.data['network']} takes {network.spans_in_words}")
        return span

    def decoded(self, decoding: Decoding) -> Decoding:
        """How frames are decoded for this kind of features.

        Args:
            decoding: What the suite says; its frame rate holds unless this kind has its own.
        """
        return decoding if self.fps is None else decoding.model_copy(update={"fps": self.fps})
