"""Parameters of decoding and optical flow, readable without OpenCV."""

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from pydantic import Field, model_validator

from actionbytes.parameters import Parameters

FLOW_VERSION = 1  # raised when the flow that comes out changes
FRAMES_VERSION = 1  # raised when the frames that come out change


class Flow(Parameters):
    """TV-L1 optical flow. The constants are OpenCV's defaults, with which published I3D features were made."""

    algorithm: Literal["tvl1", "opencv", "tvl1_torch"] = Field(
        "tvl1",
        description="tvl1: compiled here, OpenCV's numbers; opencv: its own, far slower; tvl1_torch: batches for a GPU",
    )
    tau: float = Field(0.25, gt=0, description="step size of the dual ascent")
    lam: float = Field(0.15, gt=0, description="weight of the data term (lambda in the TV-L1 paper)")
    theta: float = Field(0.3, gt=0, description="tightness of the coupling of the flow and its auxiliary field")
    nscales: int = Field(5, ge=1, description="levels of the pyramid of scales, each of at least 16 pixels")
    warps: int = Field(5, ge=1, description="warps of the second frame per level")
    epsilon: float = Field(0.01, gt=0, description="root mean square change in pixels at which iterations stop")
    inner_iterations: int = Field(30, ge=1, description="iterations between two median filters")
    outer_iterations: int = Field(10, ge=1, description="median filters per warp")
    scale_step: float = Field(0.8, gt=0, lt=1, description="size of a level relative to the next finer one")
    median: Literal[1, 3, 5] = Field(5, description="side of the median filter in pixels; 1 is none")
    bound: float = Field(
        20.0, gt=0, description="pixels to which each component of the flow is clipped, as in I3D's code"
    )
    storage: Literal["float16", "uint8"] = Field(
        "float16",
        description="rounding of the flow that the network sees: float16, or 8 bit as in most published features",
    )

    @property
    def version(self) -> str:
        """What besides the parameters decides the numbers, for recipes: OpenCV 4 and 5 differ near the border."""
        return f"{self.algorithm} {FLOW_VERSION}, OpenCV {_opencv()}"


class Decoding(Parameters):
    """How pictures become frames."""

    fps: float = Field(
        25.0, gt=0, le=1000, description="frames a second after resampling by presentation time; I3D was trained at 25"
    )
    short_side: int = Field(
        256, ge=1, le=4096, description="pixels of the shorter side after bilinear scaling; I3D was trained with 256"
    )
    crop: int = Field(224, ge=1, le=1024, description="side of the centre crop in pixels; I3D was trained with 224")

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
