"""Broken input to every reader and command: a result or one clear line, never a traceback, a hang, or a file not named.

    python benchmarks/fuzz.py --seconds 60 [--only NAME] [--seed N] [--keep FOLDER]

Inputs are made from small seeds and dictionaries below by flips, cuts, doublings and words of the format. Each trial
runs in a child process with limits of memory and time. An audit hook notes files that Python opens outside the trial's
folder, connections and new processes. Exit status 1 if anything is found; what made it is kept in the folder.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from fuzz_trials import ANY, trials

MEMORY = 1 << 30  # bytes that a trial may take beyond what the process had before all trials
HANG_S = 20


def mutated(seed: bytes, words: list[bytes], rng: random.Random) -> bytes:
    """The seed after one to four changes."""
    content = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        change = rng.randrange(7)
        if change == 0 and content:
            content[at % len(content)] ^= 1 << rng.randrange(8)
        elif change == 1:
            content[at : min(end, at + 16)] = b""
        elif change == 2:
            content[at:at] = rng.choice(words + ANY)
        elif change == 3:
            content[at : at + rng.randrange(1, 9)] = rng.choice(words + ANY)
        elif change == 4:
            content[at:at] = content[at : min(end, at + 200)] * rng.choice((1, 2, 50))
        elif change == 5:
            del content[at:]
        else:
            content[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
    return bytes(content)


class Watch:
    """Notes what Python opens while a trial runs."""

    def __init__(self, folder: Path) -> None:
        here = Path(__file__).resolve().parent.parent
        own = (folder, here, sys.prefix, sys.base_prefix, "/proc/self", "/proc/meminfo", "/dev/null", "/etc", "/usr")
        self.allowed, self.on, self.seen = tuple(map(str, own)), False, []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)) if isinstance(arguments[2], int) else False
            if not path.startswith(self.allowed[:1] if writes else self.allowed) and path != "/dev/null":
                self.seen.append(f"opened {path}" + (" to write" if writes else ""))
        elif event == "subprocess.Popen" and arguments[0] == sys.executable:  # the process that decodes
            return
        elif event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            self.seen.append(f"{event} {arguments!r:.200}")


class Hang(BaseException):
    """A trial took too long."""


def child(only: str, seed: int, seconds: float, keep: Path) -> None:
    """Run trials until the time is over; prints a JSON line for each finding and one at the end."""
    from actionbytes.errors import UserError

    os.environ["MPLBACKEND"] = "Agg"
    table = {name: trial for name, trial in trials().items() if re.search(only, name)}
    rng, tried, before = random.Random(seed), Counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Hang()))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        watch = Watch(Path(name).resolve())
        watch.on = True
        with contextlib.suppress(OSError):
            Path("/nowhere/at/all").read_bytes()
        assert watch.seen, "the hook sees what is opened"
        watch.on = False
        for i, (file, content, _, read) in enumerate(table.values()):  # healthy input first, which loads all modules
            place = Path(name) / f"healthy-{i}"
            place.mkdir()
            (place / file).write_bytes(content)
            with contextlib.suppress(UserError), contextlib.redirect_stdout(io.StringIO()):
                read(place / file)
        resource.setrlimit(resource.RLIMIT_AS, (held + (2 << 30) + MEMORY, resource.RLIM_INFINITY))
        while time.monotonic() < end:
            trial = rng.choice(list(table))
            file, content, words, read = table[trial]
            place = Path(name) / f"t{sum(tried.values())}"
            place.mkdir()
            (place / file).write_bytes(mutated(content, words, rng))
            (keep / "last").write_bytes(f"{trial}\n".encode() + (place / file).read_bytes())
            problem, watch.seen = "", []
            signal.alarm(HANG_S)
            watch.on = True
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    read(place / file)
            except UserError as error:
                problem = "more than a line" if "\n" in str(error) else ""
            except Hang:
                problem = f"no end after {HANG_S} s"
            except BaseException:
                problem = traceback.format_exc(limit=-4)
            watch.on = False
            signal.alarm(0)
            tried[trial] += 1
            if problem or watch.seen:
                kept = keep / f"{trial.replace(' ', '-').replace('/', '-')}-{seed}-{tried[trial]}-{file}"
                kept.write_bytes((place / file).read_bytes())
                print(json.dumps({"trial": trial, "kept": str(kept), "problem": problem, "opened": watch.seen[:3]}))
            shutil.rmtree(place, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"tried": tried, "peak_mib": (peak - before) >> 10}), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="regular expression: which trials to run")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "actionbytes-fuzz")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.child:
        child(options.only, options.seed, options.seconds, options.keep)
        return 0
    findings: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    peak, end, seed = 0, time.monotonic() + options.seconds, options.seed
    while (left := end - time.monotonic()) > 1:  # a child that dies is followed by another
        command = [sys.executable, __file__, "--child", "--seed", str(seed), "--only", options.only]
        command += ["--seconds", str(left), "--keep", str(options.keep)]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=left + 120, check=False)
        for line in run.stdout.splitlines():
            said = json.loads(line)
            if "tried" in said:
                tried.update(said["tried"])
                peak = max(peak, said["peak_mib"])
            else:
                cause = said["problem"].strip().splitlines()[-1] if said["problem"] else "; ".join(said["opened"])
                findings[f"{said['trial']}: {cause:.200}"] += 1
                print(f"{said['trial']}: {said['problem'] or said['opened']}\n  {said['kept']}")
        if run.returncode:
            last = options.keep / f"died-{seed}"
            if (options.keep / "last").exists():
                (options.keep / "last").replace(last)
            findings[f"the process died ({run.returncode}): {last}"] += 1
        seed += 1
    for name, count in sorted(tried.items()):
        print(f"{count:7} {name}")
    print(f"{sum(tried.values())} inputs, peak {peak} MiB beyond the start, {sum(findings.values())} findings")
    for finding, count in findings.most_common():
        print(f"{count:7} {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
