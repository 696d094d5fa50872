"""Progress is reported once a unit of work, as a bar or as lines; messages go where they are sent."""

import io
import logging
import sys

import pytest

from actionbytes import progress


def test_each_item_is_reported_when_it_is_finished():
    events: list[object] = []
    for item in progress.each("ab", lambda done, total, note="": events.append((done, total))):
        events.append(item)
    assert events == ["a", (1, 2), "b", (2, 2)]


def test_plain_lines_are_at_most_ten(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    report = progress.on_terminal("step")
    for done in range(1, 1001):
        report(done, 1000, f"loss {done}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"step {k}/1000, loss {k}" for k in range(100, 1001, 100)]


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    report = progress.on_terminal("clip")
    report(1, 2, "loss 3")
    report(2, 2)
    shown = capsys.readouterr().err
    assert "100%" in shown and "clip" in shown


def test_a_log_gets_the_last_line_and_one_every_few_seconds(monkeypatch: pytest.MonkeyPatch):
    times = iter([0.0, 3.0, 11.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(times))
    out = io.StringIO()
    with progress.messages_to(out):
        report = progress.in_log("video")
        for done in range(1, 5):
            report(done, 4)
    assert out.getvalue().splitlines() == ["video 2/4", "video 4/4"]


def test_messages_of_lower_levels_are_left_out_and_the_logger_is_as_before():
    package = logging.getLogger("actionbytes")
    before = (list(package.handlers), package.level)
    out = io.StringIO()
    with progress.messages_to(out, "WARNING"):
        logging.getLogger("actionbytes.data").info("low")
        logging.getLogger("actionbytes.data").warning("high")
    assert out.getvalue() == "high\n"
    assert (list(package.handlers), package.level) == before
