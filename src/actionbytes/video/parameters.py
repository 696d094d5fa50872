"""What can be set about decoding and optical flow. Apart from the code, so that planning needs no OpenCV."""

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pydantic import Field, model_validator

from actionbytes.parameters import Parameters

FLOW_VERSION = 1  # raised when the flow that comes out changes
FRAMES_VERSION = 1  # raised when the frames that come out change


class Flow(Parameters):
    """TV-L1 and its constants, which are OpenCV's defaults: the ones behind published I3D features."""

    algorithm: Literal["tvl1", "opencv", "tvl1_torch"] = Field(
        "tvl1",
        description="compiled here; OpenCV's own, same numbers, far slower; batched for a GPU [R] methods.md 1.2",
    )
    tau: float = Field(0.25, gt=0, description="step of the dual ascent")
    lam: float = Field(0.15, gt=0, description="weight of the data term (lambda)")
    theta: float = Field(0.3, gt=0, description="tightness of the coupling of the two fields")
    nscales: int = Field(5, ge=1, description="levels of the pyramid, fewer where a level is under 16 pixels")
    warps: int = Field(5, ge=1, description="warps per level")
    epsilon: float = Field(0.01, gt=0, description="root mean square change in pixels at which iterations stop")
    inner_iterations: int = Field(30, ge=1, description="iterations between two medians")
    outer_iterations: int = Field(10, ge=1, description="medians per warp")
    scale_step: float = Field(0.8, gt=0, lt=1, description="size of a level relative to the one below")
    median: Literal[1, 3, 5] = Field(5, description="side of the median filter in pixels; 1 is none")
    bound: float = Field(20.0, gt=0, description="pixels to which each component is clipped [R] methods.md 1.2")
    storage: Literal["float16", "uint8"] = Field(
        "float16",
        description="what the network sees: float16, or 8 bit as published features; both fit [R] methods.md 1.2",
    )

    @property
    def version(self) -> str:
        """What besides the parameters decides the numbers, for recipes: OpenCV 4 and 5 differ near the border."""
        return f"{self.algorithm} {FLOW_VERSION}, OpenCV {_opencv()}"


class Decoding(Parameters):
    """How pictures become frames."""

    fps: float = Field(
        25.0, gt=0, le=1000, description="frames a second by presentation time; STPN: 10 [R] methods.md 1.2"
    )
    short_side: int = Field(256, ge=1, le=8192, description="pixels of the shorter side, bilinear [R] methods.md 1.2")
    crop: int = Field(224, ge=1, le=8192, description="side of the centre crop in pixels [R] methods.md 1.2")

    @model_validator(mode="after")
    def _crop_fits(self) -> "Decoding":
        if self.crop > self.short_side:
            raise ValueError(f"crop {self.crop} does not fit into short_side {self.short_side}")
        return self

    @property
    def version(self) -> str:
        """What besides the parameters decides the frames, for recipes."""
        return f"frames {FRAMES_VERSION}"


def _opencv() -> str:
    """Version of OpenCV, `cv2.__version__`, read without loading the library."""
    try:
        return ".".join(version("opencv-contrib-python-headless").split(".")[:3])
    except PackageNotFoundError:  # built from source, or another package of the same library
        import cv2

        return cv2.__version__
