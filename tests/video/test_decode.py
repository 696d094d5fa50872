"""Frames by presentation time, from healthy and odd files."""

import random
import struct
from bisect import bisect_right
from fractions import Fraction
from math import ceil

import av
import numpy as np
import pytest

from actionbytes.errors import UserError
from actionbytes.parameters import validated
from actionbytes.video.decode import BrokenVideo, Normaliser, VideoReader, frames_of
from actionbytes.video.parameters import Decoding

NTSC = Fraction(30000, 1001)


def _encoders(*names):
    """Codecs to encode with, those that this FFmpeg lacks marked to be skipped."""
    return [pytest.param(n, marks=pytest.mark.skipif(n not in av.codecs_available, reason=f"no {n}")) for n in names]


@pytest.mark.parametrize("target", [25, 10, 29.97])
@pytest.mark.parametrize("source", [10, 24, 25, NTSC, 30, 50, Fraction(981, 50)], ids=str)
@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_frame_k_is_the_picture_shown_at_k_over_fps(tmp_path, numbered, number_in, write_video, source, target, suffix):
    count = 47
    path = write_video(tmp_path / f"a.{suffix}", [numbered(k) for k in range(count)], fps=source)
    frames = list(frames_of(path, Decoding(fps=target, short_side=64, crop=64)))
    step = Fraction(str(float(target)))
    expected = [int(Fraction(k) / step * source) for k in range(ceil(count / source * step))]
    assert [number_in(frame) for frame in frames] == expected


def test_clocks_in_whole_milliseconds_neither_double_nor_drop(tmp_path, numbered, number_in, write_video):
    path = write_video(tmp_path / "a.mkv", [numbered(k) for k in range(60)], fps=30)
    frames = list(frames_of(path, Decoding(fps=30, short_side=64, crop=64)))
    assert [number_in(frame) for frame in frames] == list(range(60))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate(tmp_path, numbered, number_in, write_video, small, suffix):
    ticks = [0, 7, 40, 95, 100, 110, 400, 441, 1000, 1039]
    path = write_video(tmp_path / f"a.{suffix}", [numbered(k) for k in range(len(ticks))], ticks=ticks)
    reader = VideoReader(path, small)
    shown = [number_in(frame) for frame in reader]
    assert shown == [bisect_right(ticks, 40 * k) - 1 for k in range(len(shown))]
    assert len(shown) == ceil(reader.duration * 25 - 0.02) and reader.duration > 1.039


def test_starts_at_the_first_picture_whatever_its_time(tmp_path, numbered, number_in, write_video, small):
    ticks = [5000 + 40 * k for k in range(6)]
    path = write_video(tmp_path / "a.mkv", [numbered(k) for k in range(6)], ticks=ticks)
    assert [number_in(frame) for frame in frames_of(path, small)] == list(range(6))


@pytest.mark.parametrize("codec", _encoders("libx264", "libx265", "libsvtav1", "ffv1", "mjpeg"))
def test_codecs_and_reordered_pictures(tmp_path, numbered, number_in, write_video, small, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    pictures = [numbered(k, (128, 96)) for k in range(20)]
    path = write_video(tmp_path / "a.mkv", pictures, codec=codec, pixels=pixels)
    assert [number_in(frame) for frame in frames_of(path, small)] == list(range(20))


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv444p", "yuv422p", "bgr0", "gray"])
def test_pixel_formats(tmp_path, numbered, number_in, write_video, small, pixels):
    path = write_video(tmp_path / "a.mkv", [numbered(k) for k in range(5)], codec="ffv1", pixels=pixels)
    frames = list(frames_of(path, small))
    assert [number_in(frame) for frame in frames] == list(range(5))
    assert abs(int(frames[0][40, 3].mean()) - 20) <= 1  # a black block


@pytest.mark.parametrize(("suffix", "chosen"), [("mp4", 0), ("mkv", 1)])
def test_of_two_picture_streams_the_default_then_the_larger(tmp_path, numbered, number_in, small, suffix, chosen):
    sides = (64, 128)  # mp4 marks the first as default, mkv none
    with av.open(str(tmp_path / f"a.{suffix}"), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25, width=side, height=side) for side in sides]
        for k in range(10):
            for offset, stream in enumerate(streams):
                picture = numbered(k + 100 * offset, (stream.width, stream.height))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    reader = VideoReader(tmp_path / f"a.{suffix}", small)
    assert [number_in(frame) for frame in reader] == [100 * chosen + k for k in range(10)]
    assert reader.size == (sides[chosen], sides[chosen])


@pytest.mark.parametrize("size", [(97, 65), (33, 121), (16, 16), (40, 300)])
def test_odd_and_small_sizes(tmp_path, numbered, number_in, write_video, size):
    path = write_video(tmp_path / "a.mkv", [numbered(k, size) for k in range(4)], codec="ffv1", pixels="bgr0")
    frames = list(frames_of(path, Decoding(short_side=72, crop=56)))
    assert {frame.shape for frame in frames} == {(56, 56, 3)} and frames[0].flags.c_contiguous
    frames = frames_of(path, Decoding(short_side=min(size) // 8 * 8, crop=min(size) // 8 * 8))
    assert [number_in(frame) for frame in frames] == list(range(4))


TURNS = {  # display matrix (a, b, c, d) -> what a player makes of the picture
    (1, 0, 0, 1): lambda x: x,
    (0, 1, -1, 0): lambda x: np.rot90(x, -1),
    (-1, 0, 0, -1): lambda x: np.rot90(x, 2),
    (0, -1, 1, 0): lambda x: np.rot90(x, 1),
    (-1, 0, 0, 1): lambda x: x[:, ::-1],
    (1, 0, 0, -1): lambda x: x[::-1],
}


@pytest.mark.parametrize("matrix", TURNS, ids=str)
def test_turned_as_the_file_says(tmp_path, write_video, matrix):
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:], picture[32:, :48] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    path = write_video(tmp_path / "a.mp4", [picture] * 3)
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    frame = next(frames_of(path, Decoding(short_side=64, crop=64)))
    expected = TURNS[matrix](picture[:, 16:80])
    assert np.abs(frame[::20, ::20].astype(int) - expected[::20, ::20]).max() < 60


def test_metadata_that_is_not_utf8(tmp_path, numbered, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(0)] * 3, metadata={"title": "TITLE-OF-IT"})
    path.write_bytes(path.read_bytes().replace(b"TITLE-OF-IT", b"\xff\xfe\xe9\x80-OF-IT"))
    assert len(list(frames_of(path, small))) == 3


@pytest.mark.parametrize("announced", [0, 7, 31])
def test_header_counts_that_lie(tmp_path, numbered, write_video, small, announced):
    path = write_video(tmp_path / "a.avi", [numbered(k) for k in range(30)])
    data = bytearray(path.read_bytes())
    for start in (data.index(b"avih") + 8 + 16, data.index(b"strh") + 8 + 32):
        data[start : start + 4] = struct.pack("<i", announced)
    path.write_bytes(data)
    assert len(list(frames_of(path, small))) == 30


@pytest.mark.parametrize(("space", "weights"), [(5, (0.299, 0.114)), (1, (0.2126, 0.0722))], ids=["BT.601", "BT.709"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (160, 120)], ids=["unscaled", "scaled"])
def test_colours_are_right_to_rounding(tmp_path, space, weights, full, size):
    values = np.random.default_rng(0).integers((60, 100, 100), (190, 156, 156), (20, 3))
    normalise = Normaliser(Decoding(short_side=48, crop=48), tmp_path)
    for y, u, v in values.tolist():
        picture = av.VideoFrame(*size, "yuv420p")
        picture.colorspace, picture.color_range = space, 2 if full else 1
        for plane, value in zip(picture.planes, (y, u, v), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        (red, blue), luma, chroma = weights, (y - 16 * (not full)) / (255 if full else 219), 255 if full else 224
        r, b = luma + 2 * (1 - red) * (v - 128) / chroma, luma + 2 * (1 - blue) * (u - 128) / chroma
        g = (luma - red * r - blue * b) / (1 - red - blue)
        np.testing.assert_allclose(normalise(picture)[20, 20], np.array([r, g, b]) * 255, atol=0.6)


def test_interval_is_a_cut_of_the_whole(tmp_path, numbered, number_in, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(k) for k in range(100)], fps=50, codec="libx264")
    assert [number_in(frame) for frame in frames_of(path, small, (0.4, 1.0))] == list(range(20, 50, 2))
    assert [number_in(frame) for frame in frames_of(path, small, (0.41, 0.5))] == [20, 22, 24]
    assert len(list(frames_of(path, small, (1.9, 7.0)))) == 3


@pytest.mark.parametrize("interval", [(1.0, 1.0), (-1.0, 2.0), (3.0, 2.0), (float("nan"), 2.0)])
def test_no_interval(tmp_path, small, interval):
    with pytest.raises(UserError, match="no interval"):
        VideoReader(tmp_path / "a.mp4", small, interval)


def test_an_interval_beyond_the_end(tmp_path, numbered, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(k) for k in range(10)])
    with pytest.raises(BrokenVideo, match=r"ends at 0\.40 s"):
        list(frames_of(path, small, (0.5, 1.0)))


def test_streams_and_reads_twice(tmp_path, numbered, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(k) for k in range(200)])
    reader = VideoReader(path, small)
    first = next(iter(reader))
    assert reader.pictures < 20
    again = list(reader)
    np.testing.assert_array_equal(first, again[0])
    assert (reader.frames, reader.pictures, reader.duration, reader.fps) == (200, 200, 8.0, 25.0)
    assert (reader.status, reader.reason, reader.size) == ("ok", "", (96, 64))
    assert all(np.array_equal(a, b) for a, b in zip(again, reader, strict=True))


def _sound_only(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_files_without_frames_say_why_in_one_line(tmp_path, numbered, write_video, small):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    (tmp_path / "folder.mp4").mkdir()
    _sound_only(tmp_path / "sound.mkv")
    write_video(tmp_path / "one.mp4", [numbered(1)])
    reasons = {
        "missing.mp4": "no such file",
        "folder.mp4": "is not a file",
        "empty.mp4": "the file is empty (0 bytes)",
        "text.mp4": "not a readable video file",
        "sound.mkv": "has no picture stream",
        "one.mp4": "holds one picture only",
    }
    for name, reason in reasons.items():
        with pytest.raises(BrokenVideo) as error:
            list(frames_of(tmp_path / name, small))
        assert str(error.value).startswith(f"{tmp_path / name}: {reason}") and "\n" not in str(error.value)


def test_names_that_look_like_protocols(tmp_path, numbered, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(0)] * 3).rename(tmp_path / "concat:http: ä%d.mp4")
    assert len(list(frames_of(path, small))) == 3


def test_a_cut_file_keeps_what_decodes_and_says_so(tmp_path, numbered, number_in, write_video, small):
    path = write_video(tmp_path / "a.avi", [numbered(k) for k in range(200)])
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: places[120]])
    reader = VideoReader(path, small)
    shown = [number_in(frame) for frame in reader]
    assert shown == list(range(len(shown))) and 110 < len(shown) <= 120
    assert reader.status == "damaged" and "pictures end at 4.8 s of 8.0 s" in reader.reason


def test_what_follows_a_hole_keeps_its_time(tmp_path, numbered, number_in, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(k) for k in range(60)])
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    whole = next(k for k in range(25, 60) if packets[k][2])
    for place, size, _ in packets[20:whole]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    reader = VideoReader(path, small)
    shown = [number_in(frame) for frame in reader]
    assert len(shown) == 60 and shown[:20] == list(range(20)) and shown[whole:] == list(range(whole, 60))
    assert set(shown[20:whole]) == {19}  # the last good picture stands
    assert reader.status == "damaged" and "undecodable packet" in reader.reason


def test_a_lost_start_keeps_its_time(tmp_path, numbered, number_in, write_video, small):
    path = write_video(tmp_path / "a.mp4", [numbered(k) for k in range(40)])
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    whole = next(k for k in range(1, 40) if packets[k][2])
    for place, size, _ in packets[:whole]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    reader = VideoReader(path, small)
    assert [number_in(frame) for frame in reader] == [whole] * whole + list(range(whole, 40))
    assert reader.status == "damaged"


def test_time_stamps_that_jump(tmp_path, numbered, number_in, write_video, small):
    ticks = [0, 40, 80, 10_000_000, 10_000_040, 10_000_080]
    path = write_video(tmp_path / "a.mkv", [numbered(k) for k in range(6)], ticks=ticks)
    reader = VideoReader(path, small)
    assert [number_in(frame) for frame in reader] == list(range(6))
    assert reader.status == "damaged" and reader.reason == "time stamps jump"


def test_files_broken_at_random_never_crash(tmp_path, numbered, write_video):
    decoding = Decoding(short_side=32, crop=32)
    pictures = [numbered(k) for k in range(40)]
    sources = [write_video(tmp_path / f"a.{suffix}", pictures).read_bytes() for suffix in ("mp4", "avi", "mkv")]
    dice = random.Random(0)
    outcomes = []
    for k in range(100):
        data = bytearray(dice.choice(sources))
        if k % 4 == 0:
            del data[dice.randrange(len(data)) :]
        else:
            for _ in range(dice.choice((1, 10, 300))):
                data[dice.randrange(len(data) if k % 2 else 2000)] = dice.randrange(256)
        path = tmp_path / f"broken{dice.choice(('.mp4', '.avi', '.jpg', '.txt'))}"
        path.write_bytes(data)
        reader = VideoReader(path, decoding)
        try:
            assert sum(1 for _ in reader) == reader.frames < 25 * 60 * 60
            outcomes.append(reader.status)
        except BrokenVideo as error:
            assert "\n" not in str(error)
            outcomes.append("broken")
    assert min(outcomes.count(outcome) for outcome in ("ok", "damaged", "broken")) >= 5


def test_every_real_clip_goes_through(real):
    odd = {"corrupted.mp4": "damaged"}
    for path in sorted((real / "videos").rglob("*.*")):
        reader = VideoReader(path, Decoding(fps=5, short_side=40, crop=32))
        frames = sum(1 for _ in reader)
        assert reader.status == odd.get(path.name, "ok"), f"{path.name}: {reader.reason}"
        assert frames == ceil(reader.duration * 5 - 0.003), path.name


@pytest.mark.parametrize(
    ("clip", "pictures", "duration"),
    [
        ("decord/corrupted.mp4", 49, 5.0),
        ("torchvision/RATRACE_wave_f_nm_np1_fr_goo_37.avi", 72, 2.4),
        ("video_features/v_GGSY1Qvo990.mp4", 355, 18.094),
        ("mmaction2/S001C001P001R001A001_rgb.avi", 103, 103 / 30),
        ("decord/flipping_a_pancake.mkv", 310, 10.333),
        ("torchcodec/nasa_13013.mp4", 390, 13.013),
    ],
)
def test_odd_real_clips(real, clip, pictures, duration):
    reader = VideoReader(real / "videos" / clip, Decoding(fps=2, short_side=32, crop=32))
    frames = list(reader)
    assert reader.pictures == pictures and reader.duration == pytest.approx(duration, abs=1e-3)
    assert len(frames) == ceil(duration * 2 - 0.002)


def test_wrong_parameters_are_one_line():
    with pytest.raises(UserError, match="crop 100 does not fit into short_side 90"):
        validated(Decoding, {"short_side": 90, "crop": 100}, "x")
    with pytest.raises(UserError, match="fps: 0 is not allowed"):
        validated(Decoding, {"fps": 0}, "x")
