"""Words of class names, their vectors, and every way in which a file of word vectors can be wrong."""

import contextlib
import gzip
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionbytes.data.words import cosine_similarity, embed_labels, read_word2vec, wanted_words, words_of
from actionbytes.errors import UserError

VECTORS = {
    "clean": np.array([1.0, 0.0, 0.0]),
    "jerk": np.array([0.0, 1.0, 0.0]),
    "shot": np.array([0.0, 0.0, 2.0]),
    "put": np.array([0.0, 2.0, 0.0]),
}


def binary(vectors: dict[str, np.ndarray], newline: bytes = b"\n") -> bytes:
    header = f"{len(vectors)} {len(next(iter(vectors.values())))}\n".encode()
    return header + b"".join(word.encode() + b" " + v.astype("<f4").tobytes() + newline for word, v in vectors.items())


def text(vectors: dict[str, np.ndarray]) -> bytes:
    lines = [f"{len(vectors)} {len(next(iter(vectors.values())))}"]
    return "\n".join([*lines, *(f"{word} {' '.join(map(str, v))}" for word, v in vectors.items())]).encode()


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("CleanAndJerk", ["clean", "and", "jerk"]),
        ("clean and jerk", ["clean", "and", "jerk"]),
        ("Clean_and-jerk ", ["clean", "and", "jerk"]),
        ("shooting goal (soccer)", ["shooting", "goal", "soccer"]),
        ("TVShow", ["tv", "show"]),
        ("Rock'n'Roll", ["rock", "n", "roll"]),
        ("Shotput", ["shotput"]),
        ("Run400m", ["run400m"]),
        ("café", ["café"]),
        ("...", []),
    ],
)
def test_words_of(label, words):
    assert words_of(label) == words


@given(st.lists(st.from_regex(r"[a-z]{2,8}", fullmatch=True), min_size=1, max_size=5))
def test_every_spelling_of_a_label_has_the_same_words(words):
    camel = "".join(word.capitalize() for word in words)
    assert words_of(camel) == words_of(" ".join(words)) == words_of("_".join(words)) == words


def test_a_label_is_the_mean_of_its_known_words():
    matrix, missing = embed_labels(["CleanAndJerk", "put"], VECTORS)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, [[0.5, 0.5, 0], [0, 2, 0]])
    assert missing == ["and"]


@pytest.mark.parametrize("label", ["Shotput", "shotput", "SHOTPUT", "Women Shotput"])
def test_aliases_stand_for_labels_and_words_in_any_spelling(label):
    matrix, _ = embed_labels([label], VECTORS)
    np.testing.assert_array_equal(matrix, [[0, 1, 1]])


def test_an_alias_of_a_whole_label_comes_before_its_words():
    matrix, missing = embed_labels(["CleanAndJerk"], VECTORS, {"clean and jerk": "put"})
    np.testing.assert_array_equal(matrix, [[0, 2, 0]])
    assert missing == []
    assert wanted_words(["CleanAndJerk", "Clean"], {"clean and jerk": "put"}) == {"put", "clean"}


def test_a_label_without_a_known_word_is_named_and_so_is_the_cure():
    with pytest.raises(UserError, match=r"'FrisbeeCatch'.*frisbee, catch.*aliases"):
        embed_labels(["CleanAndJerk", "FrisbeeCatch"], VECTORS)
    with pytest.raises(UserError, match="it has none"):
        embed_labels(["..."], VECTORS)
    with pytest.raises(UserError, match="no word vectors"):
        embed_labels(["put"], {})


def test_cosine_similarity():
    table = cosine_similarity(np.array([[1.0, 0], [3, 3], [0, 0]]), np.array([[2.0, 0], [-1, 0]]))
    np.testing.assert_allclose(table, [[1, -1], [0.5**0.5, -(0.5**0.5)], [0, 0]])


@pytest.mark.parametrize(
    "content", [binary(VECTORS), binary(VECTORS, b""), text(VECTORS), gzip.compress(text(VECTORS), mtime=0)]
)
def test_read_word2vec(tmp_path, content):
    path = tmp_path / "vectors"
    path.write_bytes(content)
    found = read_word2vec(path)
    assert list(found) == list(VECTORS)
    for word, vector in found.items():
        assert vector.dtype == np.float32
        np.testing.assert_array_equal(vector, VECTORS[word])
    assert read_word2vec(path, {"put", "absent"}).keys() == {"put"}


def test_a_file_larger_than_the_reading_buffer(tmp_path):
    rng = np.random.default_rng(0)
    many = {f"word{k}": rng.normal(size=300).astype(np.float32) for k in range(5000)}  # 6 MB
    for name, content in (("many.bin", binary(many)), ("few.txt", text(dict(list(many.items())[:60])))):
        (tmp_path / name).write_bytes(content)
        found = read_word2vec(tmp_path / name)
        assert len(found) == (5000 if name == "many.bin" else 60)
        for word in ("word0", "word37", "word59"):
            np.testing.assert_allclose(found[word], many[word], rtol=1e-6)


def test_the_first_of_two_vectors_of_a_word_counts(tmp_path):
    (tmp_path / "twice.txt").write_bytes(b"2 2\na 1 2\na 3 4\n")
    np.testing.assert_array_equal(read_word2vec(tmp_path / "twice.txt")["a"], [1, 2])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "must begin with"),
        (b"the 0.1 0.2\nof 0.3 0.4\n", "must begin with"),
        (b"-3 2\na 1 2\n", "must begin with"),
        (b"0 2\n", "not plausible"),
        (b"3 99999999\n", "not plausible"),
        (b"99999999999 300\n", "not plausible"),
        (b"2 2\na 1 2\n", "ends after 1 of 2"),
        (b"2 2\na 1 2\nb 1\n", "needs 2 finite"),
        (b"2 2\na 1 2\nb 1 nan\n", "needs 2 finite"),
        (b"2 2\na 1 2\nb 1 x\n", "no number"),
        (binary(VECTORS)[:-7], "ends after 3 of 4"),
        (binary(VECTORS)[:20], "ends after 0 of 4"),
        (binary({"a": np.array([np.inf, 0.0])}), "needs 2 finite"),
        (b"9 2\n" + b"x" * 100_000, "ends after 0 of 9"),
        (gzip.compress(text(VECTORS), mtime=0)[:-12], "cannot be read"),
    ],
)
def test_wrong_files_are_one_clear_line(tmp_path, content, problem):
    path = tmp_path / "wrong"
    path.write_bytes(content)
    with pytest.raises(UserError, match=problem) as caught:
        read_word2vec(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_word2vec(tmp_path / "none.bin")
    with pytest.raises(UserError, match="cannot be read"):
        read_word2vec(tmp_path)


@pytest.mark.parametrize("place", range(12, 54, 2))
def test_a_flipped_byte_of_a_gzip_file_is_vectors_or_a_line(tmp_path, place):
    content = bytearray(gzip.compress(text(VECTORS), mtime=0))
    content[place] ^= 0x55
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.gz") as refused:
        read_word2vec(tmp_path / "x.gz")
    assert "\n" not in str(refused.value)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "words")
    with pytest.raises(UserError, match="no file"):
        read_word2vec(tmp_path / "words")


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_do_more_than_a_user_error(tmp_path_factory, content, headed):
    path = tmp_path_factory.mktemp("bytes") / "any"
    path.write_bytes((b"3 2\n" if headed else b"") + content)
    with contextlib.suppress(UserError):
        assert all(len(vector) == 2 or not headed for vector in read_word2vec(path).values())


def test_real_names_of_two_datasets_meet_in_their_words(real):
    """Which THUMOS14 classes have the very words of a Kinetics-400 class: seven as they are, Shotput by its alias."""
    kinetics = (real / "kinetics" / "label_map_k400.txt").read_text(encoding="utf-8").split("\n")
    sources = {frozenset(words_of(name)) for name in kinetics if name}
    assert len(sources) == 400
    content = json.loads((real / "thumos14" / "thumos14_full.json").read_text(encoding="utf-8"))["database"]
    targets = {entry["label"] for video in content.values() for entry in video["annotations"]}
    assert len(targets) == 20
    same = {name for name in targets if frozenset(wanted_words([name])) in sources}
    jumps_and_throws = {"HammerThrow", "HighJump", "JavelinThrow", "LongJump", "PoleVault"}
    assert same == {"CleanAndJerk", "CliffDiving", "Shotput"} | jumps_and_throws
    assert same - {name for name in targets if frozenset(wanted_words([name], {})) in sources} == {"Shotput"}
