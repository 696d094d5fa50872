"""What can be declared about features: refused in one line where a network does not take it."""

import subprocess
import sys

import pytest

from actionbytes.errors import UserError
from actionbytes.features.kinds import FeatureKind, in_order
from actionbytes.features.made_with import MadeWith
from actionbytes.parameters import validated
from actionbytes.video.parameters import Decoding, Flow


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network": "vgg"}, "network: 'vgg' is not allowed: no such network; there is bn-inception, i3d"),
        ({"streams": ["rgb", "audio"]}, "no such stream: audio; i3d has rgb and flow"),
        ({"streams": []}, "streams: .* is not allowed"),
        ({"span": 5}, "span: 5 is not allowed: i3d takes multiples of 8 from 16 to 256"),
        ({"hop": 0}, "hop: 0 is not allowed"),
        ({"chunk": 16}, "chunk: no such parameter"),
    ],
)
def test_what_no_network_takes_is_refused(values, words):
    with pytest.raises(UserError, match=words):
        validated(FeatureKind, values, "params.yaml")


def test_streams_lie_in_one_order():
    assert FeatureKind(streams=("flow", "rgb", "flow")).streams == ("rgb", "flow")
    assert in_order({"warped", "flow", "audio", "rgb"}) == ("rgb", "flow", "audio", "warped")


def test_a_kind_may_have_its_own_frame_rate():
    assert FeatureKind().decoded(Decoding(fps=25)) == Decoding(fps=25)
    assert FeatureKind(fps=10).decoded(Decoding(fps=25, crop=64)) == Decoding(fps=10, crop=64)
    weights = {stream: {"file": "w", "sha256": ""} for stream in ("rgb", "flow")}
    values = {"decoding": Decoding(fps=25), "flow": Flow(), "features": FeatureKind(fps=10), "weights": weights}
    with pytest.raises(UserError, match=r"features.fps 10 is not decoding.fps 25; set both"):
        validated(MadeWith, values, "--set")
    assert validated(MadeWith, values | {"decoding": Decoding(fps=10)}, "--set").decoding.fps == 10


def test_declaring_needs_no_heavy_library():
    code = "import sys, actionbytes.features.kinds; print({'torch', 'h5py', 'cv2', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
