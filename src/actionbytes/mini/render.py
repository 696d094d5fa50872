"""Scripts to files: H.264 video in MP4, annotations, list of videos; the same bytes for any number of workers."""

import hashlib
import json
import multiprocessing
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from actionbytes.errors import UserError
from actionbytes.files import read_csv, whole, write_csv, write_text
from actionbytes.mini.figure import MOTIONS, SKINS, draw_figure, draw_prop, joints_of
from actionbytes.mini.scene import scene_canvas
from actionbytes.mini.script import TICKS, Script, scripts
from actionbytes.mini.world import OUTFITS, SUB_ACTIONS, MiniWorld, dataset_named
from actionbytes.progress import Progress, silent
from actionbytes.recipes import VERSIONS, digest

COLUMNS = ("video", "subset", "file", "bytes", "sha256", "seconds", "fps", "width", "height")
MARK = "mini world "  # start of the comment in each MP4 file; the digest of its script follows
CUTS = frozenset({"passerby", "empty", "elsewhere"})  # a cut of the camera leads there and back
BLEND = 0.14  # seconds around a change of motion in which one pose flows into the next
FIGURE = 0.67  # height of the figure, of the shorter side


def frames_of(script: Script) -> Iterator[np.ndarray]:
    """The frames (height, width, 3) uint8 RGB of a script, one by one."""
    rng = np.random.default_rng((*script.seed, 1))
    look, width, height = script.look, script.width, script.height
    canvas = scene_canvas(look.scene, width, height, rng)
    other = scene_canvas(look.other_scene, width, height, rng)
    times = np.asarray(script.ticks[:-1]) / TICKS  # (T,)
    joints, which = _motion(script, times)
    scale = FIGURE * min(width, height)
    skin = SKINS[rng.integers(len(SKINS))]
    passer = OUTFITS[rng.integers(len(OUTFITS))]
    camera = _camera(script, times, which, rng)  # (T, 3): x, y, zoom
    ground = np.array([width * (1 + look.position), height * 1.42])  # on the canvas
    joints = ground + joints * [look.facing * scale, -scale]  # (T, 15, 2)
    joints = (joints - camera[:, None, :2]) * camera[:, None, 2:] + [width / 2, height / 2]
    grain = rng.normal(0, look.grain, (8, height + 16, width + 16, 3))
    grain = np.round(grain * look.contrast + look.light).astype(np.int16)
    picks = np.stack([rng.integers(8, size=len(times)), *rng.integers(16, size=(2, len(times)))], -1).tolist()
    for t, (x, y, zoom) in enumerate(camera.tolist()):
        stretch = script.stretches[which[t]]
        away = stretch.motion == "elsewhere"
        matrix = np.array([[1 / zoom, 0, x - width / 2 / zoom], [0, 1 / zoom, y - height / 2 / zoom]])
        frame = cv2.warpAffine(
            other if away else canvas,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        if stretch.motion not in ("empty", "elsewhere"):
            outfit = passer if stretch.motion == "passerby" else look.outfit
            draw_figure(frame, joints[t], scale * zoom, skin, outfit)
            if stretch.prop:
                draw_prop(frame, joints[t], scale * zoom, stretch.prop)
        if look.contrast < 1:
            frame = cv2.convertScaleAbs(frame, alpha=look.contrast, beta=110 * (1 - look.contrast))
        tile, down, right = picks[t]
        yield cv2.add(frame, grain[tile, down : down + height, right : right + width], dtype=cv2.CV_8U)


def _motion(script: Script, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 15, 2) in figure heights, and the index of each frame's stretch (T,)."""
    joints, total = np.zeros((len(times), 15, 2)), np.zeros(len(times))
    which = np.zeros(len(times), int)
    last = len(script.stretches) - 1
    for index, stretch in enumerate(script.stretches):
        which[times >= stretch.start - 1e-9] = index
        soft = [
            0.0 if {stretch.motion, script.stretches[near].motion} & CUTS else BLEND
            for near in (max(0, index - 1), min(last, index + 1))
        ]
        soft = [min(value, 0.45 * (stretch.end - stretch.start)) for value in soft]
        visible = np.flatnonzero((times > stretch.start - soft[0] - 1e-9) & (times < stretch.end + soft[1] - 1e-9))
        if not len(visible):
            continue
        passed = (times[visible] - stretch.start) / (stretch.end - stretch.start)
        cycles = stretch.phase + passed * stretch.cycles * MOTIONS[stretch.motion][1]
        pose = joints_of(stretch.motion, cycles, stretch.size)
        if stretch.motion == "passerby":
            pose[..., 0] += (1.9 * passed - 0.95)[:, None]
        weight = _ramp(times[visible] - stretch.start, soft[0]) * _ramp(stretch.end - times[visible], soft[1])
        joints[visible] += weight[:, None, None] * pose
        total[visible] += weight
    return joints / np.maximum(total, 1e-9)[:, None, None], which


def _ramp(distance: np.ndarray, width: float) -> np.ndarray:
    """0 at `-width`, 1 at `+width`, smooth between; a step when the width is 0."""
    if width == 0:
        return (distance >= -1e-9).astype(float)
    x = ((distance + width) / (2 * width)).clip(0, 1)
    return x * x * (3 - 2 * x) + 1e-6


def _camera(script: Script, times: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centre (x, y) on the canvas and zoom at each time, (T, 3): shots, camera shake and pans."""
    look, width, height = script.look, script.width, script.height
    speed, start, strength = rng.uniform(0.15, 1.3, (3, 4)), rng.uniform(0, 7, (3, 4)), rng.normal(0, 0.5, (3, 4))
    sway = (strength * np.sin(2 * np.pi * speed * times[:, None, None] + start)).sum(-1)  # (T, 3)
    camera = np.stack([np.full(len(times), float(width)), np.full(len(times), float(height)), np.zeros(len(times))], -1)
    camera += look.shake * sway * [0.012 * width, 0.008 * height, 0.008]
    camera[:, 2] += look.zoom
    shot = np.searchsorted([shot.start for shot in script.shots], times, side="right") - 1  # (T,)
    camera[:, 2] *= np.array([shot.zoom for shot in script.shots])[shot]
    camera[:, 0] += width * np.array([shot.side for shot in script.shots])[shot]
    for index, stretch in enumerate(script.stretches):
        if stretch.motion == "pan":
            panning = which == index
            passed = (times[panning] - stretch.start) / (stretch.end - stretch.start)
            camera[panning, 0] += width * 0.3 * np.sin(np.pi * passed) * (1 if stretch.phase < 0.5 else -1)
    return camera


def encode(script: Script, path: Path, mark: str = "", picture: bool = True, moov_first: bool = False) -> None:
    """Write the video of a script as H.264 (and AAC) in MP4, with exact presentation times.

    Encoding uses one thread, because more would make the bytes depend on their number.

    Args:
        script: What the video shows.
        path: The file to write, whatever its ending.
        mark: Comment in the file.
        picture: False: sound alone.
        moov_first: Put the index before the frames, so that a truncated file still opens.
    """
    options = {"video_track_timescale": str(TICKS), "fflags": "+bitexact"}
    if moov_first:
        options["movflags"] = "+faststart"
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = mark
        video = container.add_stream("libx264", rate=30) if picture else None
        sound = container.add_stream("aac", rate=16_000, layout="mono") if script.sound or not picture else None
        if video:
            video.width, video.height, video.pix_fmt = script.width, script.height, "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, TICKS)
            video.codec_context.thread_count = 1
            video.codec_context.gop_size = 50
            video.options = {
                "preset": "superfast",
                "crf": "20",
                "bf": "0",
                "x264-params": "threads=1:lookahead-threads=1",
            }
            for image, start in zip(frames_of(script), script.ticks[:-1], strict=True):
                pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
                frame.pts, frame.time_base = start, Fraction(1, TICKS)
                container.mux(_lasting(video.encode(frame), script))
            container.mux(_lasting(video.encode(), script))
        if sound:
            sound.bit_rate = 24_000
            for samples in _sound(script):
                container.mux(sound.encode(samples))
            container.mux(sound.encode())


def _lasting(packets: "list[av.Packet[Any]]", script: Script) -> "list[av.Packet[Any]]":
    """The packets with their durations, which the muxer would otherwise guess for the last frame of a variable rate."""
    for packet in packets:
        assert packet.pts is not None
        frame = bisect_left(script.ticks, packet.pts)
        packet.duration = script.ticks[frame + 1] - script.ticks[frame]
    return packets


def _sound(script: Script) -> Iterator[av.AudioFrame]:
    """A quiet hum, a little shorter than the picture."""
    rng = np.random.default_rng((*script.seed, 2))
    samples = max(1024, int((script.duration - 0.1) * 16_000) // 1024 * 1024)
    tone = 0.1 * np.sin(2 * np.pi * rng.uniform(90, 400) * np.arange(samples) / 16_000) + rng.normal(0, 0.01, samples)
    for start in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        yield frame


def _write_broken(script: Script, path: Path) -> None:
    """Write a file with the defect that the script asks for; "missing" writes none."""
    if script.broken == "zero-byte":
        path.write_bytes(b"")
    elif script.broken == "truncated":
        encode(script, path, moov_first=True)
        os.truncate(path, path.stat().st_size * 2 // 5)
    elif script.broken == "audio-only":
        encode(script, path, picture=False)
    elif script.broken == "one-frame":
        encode(replace(script, ticks=script.ticks[:2], sound=False), path)


def write_video(script: Script, folder: Path) -> dict[str, str | int | float]:
    """Render to `folder/<id>.mp4` unless that file is whole and of the same script; return its row of videos.csv."""
    path = folder / f"{script.id}.mp4"
    mark = MARK + digest([VERSIONS["render"], asdict(script)], 64)
    if script.broken == "missing":
        path.unlink(missing_ok=True)
    elif script.broken or _mark_of(path) != mark:
        with whole(path) as partial:
            if script.broken:
                _write_broken(script, partial)
            else:
                encode(script, partial, mark)
    content = path.read_bytes() if path.exists() else None
    return {
        "video": script.id,
        "subset": script.subset,
        "file": f"videos/{path.name}",
        "bytes": len(content or b""),
        "sha256": "" if content is None else hashlib.sha256(content).hexdigest(),
        "seconds": round(script.duration, 6),
        "fps": round(script.fps, 6),
        "width": script.width,
        "height": script.height,
    }


def _mark_of(path: Path) -> str:
    """The comment of a readable video file; "" for anything else."""
    try:
        with av.open(str(path)) as container:
            return container.metadata.get("comment", "")
    except (OSError, ValueError):  # PyAV's errors derive from these
        return ""


def render_dataset(
    parameters: MiniWorld,
    dataset: str,
    folder: Path,
    progress: Progress = silent,
    workers: int = 1,
) -> None:
    """Write `videos/*.mp4`, `annotations.json`, `sub_actions.json` and `videos.csv` of a dataset into `folder`.

    A call that was killed can be repeated: whole videos are kept. A dataset that annotates the videos of another has no
    `videos/`: its videos.csv points to `../<other>/videos`, which must have been rendered.

    Args:
        parameters: Size and difficulty of the world.
        dataset: A key of DATASETS.
        folder: Folder of the dataset; made if needed.
        progress: Called after each video.
        workers: Number of processes; the files do not depend on it.

    Raises:
        UserError: No such dataset, or the other dataset is not there or is of other parameters.
    """
    declared, all_scripts = dataset_named(dataset), list(scripts(parameters, dataset))
    folder.mkdir(parents=True, exist_ok=True)
    if declared.videos_of:
        rows = _rows_of_other(folder.parent / declared.videos_of, [script.id for script in all_scripts])
    else:
        rows = _render_all(all_scripts, folder / "videos", progress, workers)
    truth = {
        "annotations.json": _database(all_scripts, declared.labels, declared.parts),
        "sub_actions.json": _database(all_scripts, {}, {name: name for name in SUB_ACTIONS}),
    }
    for name, content in truth.items():
        write_text(folder / name, json.dumps(content, indent=1) + "\n")
    write_csv(folder / "videos.csv", rows, COLUMNS)


def _render_all(all_scripts: list[Script], folder: Path, progress: Progress, workers: int) -> list[dict[str, Any]]:
    """The rows of videos.csv of rendered videos, after removing leftovers; files of other origin stay."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {f"{script.id}.mp4" for script in all_scripts}
    for path in folder.iterdir():
        unfinished = path.match(".*.mp4.*.part")
        if unfinished or (path.name not in names and _mark_of(path).startswith(MARK)):
            path.unlink()
    render, rows = partial(write_video, folder=folder), []

    def gather(results: Iterable[dict[str, Any]]) -> None:
        for row in results:
            rows.append(row)
            progress(len(rows), len(all_scripts))

    if workers <= 1:
        gather(map(render, all_scripts))
    else:  # fork: a worker must not import the caller's script again
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            gather(pool.imap(render, all_scripts, chunksize=1))
    return rows


def _rows_of_other(folder: Path, ids: list[str]) -> list[dict[str, Any]]:
    if not (folder / "videos.csv").exists():
        raise UserError(f"{folder / 'videos.csv'}: not there yet; render {folder.name} first")
    rows = read_csv(folder / "videos.csv", COLUMNS)
    if [row["video"] for row in rows] != ids:
        raise UserError(f"{folder / 'videos.csv'}: of other parameters; render {folder.name} again first")
    return [{**row, "file": f"../{folder.name}/{row['file']}"} for row in rows]


def _database(all_scripts: list[Script], labels: dict[str, str], parts: dict[str, str]) -> dict[str, Any]:
    """ActivityNet JSON: instances of the classes in `labels`, and stretches of the sub-actions in `parts`."""
    named = {motion: label for label, motion in parts.items()}
    database = {}
    for script in all_scripts:
        segments = [
            (instance.label, instance.start, instance.end) for instance in script.instances if instance.label in labels
        ]
        segments += [
            (named[stretch.motion], *_snapped(script, stretch.start, stretch.end))
            for stretch in script.stretches
            if stretch.motion in named
        ]
        database[script.id] = {
            "subset": script.subset,
            "duration": round(script.duration, 6),
            "fps": round(script.fps, 6),
            "frames": script.frames,
            "annotations": [
                {"label": label, "segment": [round(start, 6), round(end, 6)]}
                for label, start, end in sorted(segments, key=lambda segment: (segment[1], segment[0]))
                if end > start
            ],
        }
    return {"version": f"mini {VERSIONS['render']}", "database": database}


def _snapped(script: Script, start: float, end: float) -> tuple[float, float]:
    """The presentation times of the first frames at or after `start` and `end`."""
    frames = np.searchsorted(script.ticks, [start * TICKS - 1e-3, end * TICKS - 1e-3]).clip(max=script.frames)
    return script.ticks[frames[0]] / TICKS, script.ticks[frames[1]] / TICKS
