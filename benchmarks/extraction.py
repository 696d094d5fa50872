"""From pixels to features, both streams, beside the plain chain: frames per second, stages, limits, memory.

    python benchmarks/extraction.py [--video FILE] [--frames 48] [--plain-frames 16] [--cores 2] [--size 224]
                                    [--precision fp32] [--minutes 1 20 --memory-fps 5]

Plain: what public extraction code does, one thing after the other: PyAV's `reformat` of every picture, OpenCV's TV-L1
with its rows on all cores, I3D layer by layer in fp32 with its convolutions on all cores. Ours: the streaming of
`actionbytes features`. Both see the same clip; plain sees fewer frames, and its time is scaled by their number. Weights
are drawn, which costs as much as trained ones. Then our stages one by one on one core, in processor seconds, each
beside a limit measured here: decoding without scaling; flow of a still picture, which is OpenCV's warps and medians and
hardly an iteration; the network's 56 GFLOP a chunk (at 224 pixels) at the speed of a large convolution.

Memory: the largest resident size of a worker, a process of its own, over rendered videos of `--minutes` at
`--memory-fps` frames a second (a worker holds frames, not seconds), all else as above; and over the clip as it is.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from actionbytes.backbones.fast import convolve
from actionbytes.backbones.i3d import I3D, flow_input, initialize, rgb_input
from actionbytes.backbones.weights import load_i3d, save_i3d
from actionbytes.features.extract import stream_features
from actionbytes.features.kinds import FeatureKind
from actionbytes.features.made_with import MadeWith, WeightFile
from actionbytes.video.decode import VideoReader
from actionbytes.video.flow import flow_pairs
from actionbytes.video.parameters import Decoding, Flow

sys.path.insert(0, str(Path(__file__).parent))
from i3d import plain_features

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "real" / "videos"
WORKER = """
import json, sys
from pathlib import Path
from actionbytes.features.made_with import MadeWith
from actionbytes.features.extract import stream_features

made_with = MadeWith.model_validate(json.loads(sys.argv[2]))
(made,) = stream_features([Path(sys.argv[1])], made_with, made_with.streams(), int(sys.argv[3]))
from actionbytes.video import isolated

def peak(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

decoder = peak(isolated._idle[0].process.pid)
print(json.dumps({"frames": made.features.frames, "worker": peak("self"), "decoder": decoder}))
"""


def timed(function):
    """Result and seconds on the clock and of the processor (all threads of this process)."""
    clock, processor = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - clock, time.process_time() - processor


def weights(folder, width=1.0):
    """Drawn weights of both streams."""
    files = []
    for stream, channels in (("rgb", 3), ("flow", 2)):
        model = I3D(channels, 5, width)
        initialize(model, torch.Generator().manual_seed(0))
        save_i3d(model.eval(), folder / f"{stream}-{width}.safetensors")
        files.append(WeightFile.of(folder / f"{stream}-{width}.safetensors"))
    return files


def cut(source, target, frames):
    """The first pictures of a clip as a file of its own, lossless, at 25 a second."""
    with av.open(str(source), metadata_errors="ignore") as original, av.open(str(target), "w") as container:
        stream = None
        for number, picture in enumerate(islice(original.decode(video=0), frames)):
            if stream is None:
                stream = container.add_stream(
                    "ffv1", rate=25, width=picture.width, height=picture.height, pix_fmt="yuv420p"
                )
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return target


def plain(path, made_with, cores):
    """The plain chain over one file: frames, and of each stage the seconds on the clock and of the processor."""
    decoding, seconds = made_with.decoding, {}
    torch.set_num_threads(cores)
    cv2.setNumThreads(cores)

    def decode():
        frames = []
        with av.open(str(path), metadata_errors="ignore") as container:
            for picture in container.decode(video=0):
                scale = decoding.short_side / min(picture.width, picture.height)
                size = round(picture.width * scale), round(picture.height * scale)
                pixels = picture.reformat(*size, "rgb24").to_ndarray()
                top, left = ((n - decoding.crop) // 2 for n in pixels.shape[:2])
                frames.append(pixels[top : top + decoding.crop, left : left + decoding.crop])
        return np.stack(frames)

    frames, *seconds["decode"] = timed(decode)

    def flow():
        solver = cv2.optflow.DualTVL1OpticalFlow_create()
        grays = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        fields = [np.clip(solver.calc(a, b, None), -20, 20) for a, b in pairwise(grays)]
        return np.stack([*fields, fields[-1]])

    fields, *seconds["flow"] = timed(flow)
    states = [load_i3d(made_with.weights[stream].file, stream).state_dict() for stream in ("rgb", "flow")]

    @torch.inference_mode()
    def network():
        whole = len(frames) // 16 * 16
        for inputs, x, state in zip((rgb_input, flow_input), (frames, fields), states, strict=True):
            for chunk in x[:whole].reshape(-1, 16, *x.shape[1:]):
                plain_features(state, inputs(chunk[None]))

    _, *seconds["network"] = timed(network)
    cv2.setNumThreads(1)
    return len(frames), seconds


def stages(path, made_with, count):
    """Processor seconds a frame of each stage of ours, one after the other on one core, with its limit."""
    torch.set_num_threads(1)
    decoding = made_with.decoding
    frames, _, decode = timed(lambda: list(islice(VideoReader(path, decoding), count)))

    def alone():
        with av.open(str(path), metadata_errors="ignore") as container:
            container.streams.video[0].thread_count = 1
            return sum(1 for _ in islice(container.decode(video=0), count))

    _, _, limit = timed(alone)
    fields, _, flow = timed(lambda: list(flow_pairs(frames, made_with.flow)))
    computes = made_with.streams()
    whole = len(frames) // 16 * 16
    chunks = [np.stack(x[:whole]).reshape(-1, 16, *x[0].shape) for x in (frames, fields)]
    for compute, x in zip(computes.values(), chunks, strict=True):
        compute(x[:1])

    def networks():
        for compute, x in zip(computes.values(), chunks, strict=True):
            for k in range(len(x)):
                compute(x[k : k + 1])

    _, _, network = timed(networks)
    still = [frames[0]] * 4
    _, _, warps = timed(lambda: list(flow_pairs(still, made_with.flow)))
    kind = torch.bfloat16 if made_with.features.precision == "bf16" else torch.float32
    x = torch.randn(1, 256, 8, 28, 28, dtype=kind).to(memory_format=torch.channels_last_3d)
    weight, bias = torch.randn(256, 256, 3, 3, 3, dtype=kind), torch.zeros(256, dtype=kind)
    one = partial(convolve, x, weight, bias, (1, 1, 1), (1, 1, 1))
    gflops = 2 * 256 * x.numel() * 27 / min(timed(one)[2] for _ in range(6)) / 1e9
    what = f"56 GFLOP a chunk at the {gflops:.0f} GFLOP/s of a large convolution"
    work = 56.0 * (decoding.crop / 224) ** 2 * 2 / 16  # GFLOP a frame of both streams
    return {
        "decode": (decode / len(frames), limit / count, "decoding without scaling"),
        "flow": (flow / len(frames), warps / 3, "warps and medians of a still picture"),
        "network": (network / whole, work / gflops, what),
    }


def rendered(path, minutes, side):
    """A dim square that walks over gray, easy to pack, for `minutes` at 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=side, height=side, pix_fmt="yuv420p")
        for k in range(round(minutes * 1500)):
            picture = np.full((side, side, 3), 90, np.uint8)
            at = k % (side - 8)
            picture[side // 2 - 4 : side // 2 + 4, at : at + 8] = 130
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def peak(path, made_with, cores):
    """Largest resident sizes in MB of a worker over one video, and of its decoder, and the frames it saw."""
    command = [sys.executable, "-c", WORKER, str(path), made_with.model_dump_json(), str(cores)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, default=CLIPS / "torchvision" / "v_SoccerJuggling_g23_c01.avi")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--plain-frames", type=int, default=16)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 20])
    parser.add_argument("--memory-fps", type=float, default=5)
    args = parser.parse_args()
    size = f"{args.size} x {args.size}"
    print(f"{args.video.name}, {size}, {args.cores} cores, {args.precision}; OpenCV {cv2.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rgb, flow = weights(folder)
        made_with = MadeWith(
            decoding=Decoding(short_side=round(args.size * 256 / 224), crop=args.size),
            flow=Flow(),
            features=FeatureKind(precision=args.precision, batch=args.batch),
            weights={"rgb": rgb, "flow": flow},
        )
        long, short = (cut(args.video, folder / f"{n}.mkv", n) for n in (args.frames, args.plain_frames))
        streams = made_with.streams()
        warm = list(stream_features([short], made_with, streams, args.cores))  # compiles what is compiled once
        assert warm[0].features, warm[0].broken
        (made,), clock, processor = timed(lambda: list(stream_features([long], made_with, streams, args.cores)))
        ours = clock / made.features.frames
        busy = f"{processor / clock:.2f} cores busy, the decoder's process apart"
        print(f"\nours, streaming: {made.features.frames} frames, {1 / ours:.2f} frames a second, {busy}")
        count, seconds = plain(short, made_with, args.cores)
        per_frame = {stage: np.array(values) / count for stage, values in seconds.items()}
        theirs, work = sum(per_frame.values())
        print(f"plain: {count} frames, {1 / theirs:.2f} frames a second (scaled by the number of frames)")
        for stage, (value, _) in per_frame.items():
            print(f"  {stage:8} {1e3 * value:8.1f} ms a frame {value / theirs:5.0%}")
        by_processor = work / (processor / made.features.frames)
        print(f"ours is {theirs / ours:.1f} times as fast by the clock, {by_processor:.1f} by the processor")
        print("\nstages of ours, by the processor, one core:")
        found = stages(long, made_with, args.frames)
        total = sum(value for value, _, _ in found.values())
        for stage, (value, limit, what) in found.items():
            line = f"  {stage:8} {1e3 * value:8.1f} ms a frame {value / total:5.0%}"
            print(f"{line}  limit {1e3 * limit:6.1f} ms: {what}")
        print("\nlargest resident size in MB of a worker, and of its decoder")

        def memory(what, video, made_with):
            one = peak(video, made_with, args.cores)
            print(f"  {what}: {one['frames']} frames, {one['worker']:.0f} and {one['decoder']:.0f}")

        memory(f"the clip, {args.size} pixels, full width", long, made_with)
        slow = made_with.model_copy(update={"decoding": made_with.decoding.model_copy(update={"fps": args.memory_fps})})
        for minutes in args.minutes:
            video = rendered(folder / f"{minutes:g}.mkv", minutes, args.size)
            memory(f"{minutes:g} minutes, {args.size} pixels, full width", video, slow)
    return 0 if theirs / ours >= 5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
