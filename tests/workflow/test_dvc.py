"""DVC and Snakemake together, against a local remote: what is made, what is only recorded, what a clone needs."""

import asyncio
import contextlib
import queue
import re
import shutil
import threading
import time

import pytest
import yaml

RENDERED = {"render_table", "render_figure"}
AFTER = {"detect", "evaluate"} | RENDERED  # what is behind localization
TYPES = ("copy", "hardlink", "symlink")


def jobs(text: str) -> set[str]:
    """The rules that Snakemake's job statistics name."""
    return set(re.findall(r"^(\w+) +\d+$", text, re.MULTILINE)) - {
        "total",
        "all",
        "features",
        "runs",
        "tables",
        "figures",
    }


def planned(small, folder, *targets) -> set[str]:
    return jobs(small.run(folder, "snakemake", "--dry-run", "--cores", "1", *targets).stdout)


def repro(small, folder) -> str:
    done = small.run(folder, "dvc", "repro")
    return done.stdout + done.stderr


def pulled(small, folder, kind="copy"):
    small.run(folder, "dvc", "config", "--local", "cache.type", kind)
    small.run(folder, "dvc", "pull")
    return folder


def contents(folder, pattern):
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


def test_dvc_clears_no_folder_before_the_stage_that_fills_it(root):
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    for values in stages.values():
        for entry in [*values["outs"], *values.get("metrics", [])]:
            assert next(iter(entry.values()))["persist"] is True


def test_repro_with_nothing_to_do(clone, small):
    pulled(small, clone)
    repro(small, clone)
    seconds = []
    for _ in range(3):  # other work on the machine is not what is measured
        start = time.monotonic()
        text = repro(small, clone)
        seconds.append(time.monotonic() - start)
    assert min(seconds) < 5
    for stage in ("features", "runs", "tables", "figures"):
        assert f"Stage '{stage}' didn't change, skipping" in text
    assert not small.run(clone, "git", "status", "--porcelain").stdout


@pytest.mark.parametrize("kind", TYPES)
def test_a_clone_renders_the_table_without_videos_and_makes_nothing_else(clone, kept, small, kind):
    pulled(small, clone, kind)
    assert planned(small, clone, "all") <= RENDERED
    small.run(clone, "snakemake", "--cores", "1", "all", "runs", "features")
    assert not list(clone.glob("data/mini/*/videos"))
    for pattern in ("results/*.csv", "results/*.md", "results/*.tex", "results/curves/*", "results/metrics/**/*.json"):
        assert contents(clone, pattern) == contents(kept / "origin", pattern)
    assert planned(small, clone, "all") == set()
    changed = small.run(clone, "git", "status", "--porcelain").stdout.split()
    assert changed in ([], ["M", "results/table1_what2when.provenance.json"])


def test_a_collaborator_draws_every_figure_again_without_a_video(clone, kept, small):
    pulled(small, clone)
    shutil.rmtree(clone / "results/figures")
    small.run(clone, "snakemake", "--cores", "1", "figures")
    for kind in ("png", "pdf", "csv"):
        drawn = contents(clone, f"results/figures/*.{kind}")
        assert {path.stem for path in drawn} == set(small.FIGURES)
        assert drawn == contents(kept / "origin", f"results/figures/*.{kind}")
    assert not list(clone.glob("data/mini/*/videos"))


@pytest.mark.parametrize("kind", TYPES)
def test_a_parameter_makes_what_is_behind_it_and_going_back_makes_nothing(clone, kept, small, kind):
    pulled(small, clone, kind)
    before = contents(clone, "results/runs/mini/**/*")
    small.loosen(clone)
    text = repro(small, clone)
    assert "Stage 'features' didn't change, skipping" in text
    assert jobs(text) == AFTER
    after = contents(clone, "results/runs/mini/**/*")
    assert before.items() < after.items()  # beside the old ones, which nobody touched
    recipes = [content for path, content in (after.items() - before.items()) if path.name == "recipe.json"]
    assert recipes
    assert all(b'"class_rule": "zero"' in recipe for recipe in recipes)
    new = {path.parent.name for path in after.keys() - before.keys() if path.name == "metrics.json"}
    provenance = (clone / "results/table1_what2when.provenance.json").read_text()
    assert all(name in provenance for name in new)  # the table shows the new ones
    small.run(clone, "git", "checkout", "papers")
    assert jobs(repro(small, clone)) <= RENDERED
    assert contents(clone, "results/*.csv") == contents(kept / "origin", "results/*.csv")
    assert contents(clone, "results/runs/mini/**/*") == after


def test_snakemake_by_hand_then_repro_records_only(clone, small):
    pulled(small, clone)
    small.loosen(clone)
    small.run(clone, "snakemake", "--cores", "1", "all")
    lock = (clone / "dvc.lock").read_text()
    made = {path: path.stat().st_mtime_ns for path in clone.glob("results/runs/mini/**/*.json")}
    text = repro(small, clone)
    assert jobs(text) == set()
    assert {path: path.stat().st_mtime_ns for path in clone.glob("results/runs/mini/**/*.json")} == made
    assert (clone / "dvc.lock").read_text() != lock
    assert small.run(clone, "dvc", "status").stdout.split() == ["plan:", "always", "changed"]


def test_an_experiment_in_a_folder_of_its_own(clone, small):
    pulled(small, clone)
    looser = "+mini.methods.actionbytes.localization.soft_sigma=0.3"
    done = small.run(clone, "dvc", "exp", "run", "--temp", "-n", "looser", "-S", looser)
    assert jobs(done.stdout + done.stderr) <= AFTER
    assert not small.run(clone, "git", "status", "--porcelain").stdout  # nothing happened here
    assert "looser" in small.run(clone, "dvc", "exp", "list").stdout
    small.run(clone, "dvc", "exp", "apply", "looser")
    assert "soft_sigma: 0.3" in (clone / "params.yaml").read_text()
    assert planned(small, clone, "all", "runs", "features") <= RENDERED


def test_switching_branches_makes_nothing(clone, small):
    pulled(small, clone)
    page = (clone / "results/table1_what2when.html").read_bytes()
    small.run(clone, "git", "switch", "-qc", "other")
    small.loosen(clone)
    repro(small, clone)
    assert (clone / "results/table1_what2when.html").read_bytes() != page
    small.run(clone, "git", "add", ".")
    small.run(clone, "git", "commit", "-qm", "looser")
    for branch in ("main", "other"):
        small.run(clone, "git", "switch", "-q", branch)
        small.run(clone, "dvc", "checkout")
        assert planned(small, clone, "all", "runs", "features") <= RENDERED
        assert jobs(repro(small, clone)) <= RENDERED
        assert ((clone / "results/table1_what2when.html").read_bytes() == page) == (branch == "main")


def test_metrics_and_plots_show_the_table(clone, small):
    pulled(small, clone)
    shown = small.run(clone, "dvc", "metrics", "show", "--md").stdout
    assert "thumos14@0.5" in shown
    assert {"baseline", "ours_proposals"} <= set(re.findall(r"(\w+)\.json", shown))
    small.run(clone, "actionbytes", "plots")
    page = (clone / "dvc_plots/index.html").read_text()
    assert "https://cdn" not in page
    assert page.count("vegaEmbed('#") == 2
    assert "Baseline, seed 0" in page


def connected(small, folder, settings: dict[str, str]):
    """`folder`, with a default remote of these settings."""
    small.run(folder, "dvc", "remote", "add", "--local", "-d", "lab", settings["url"])
    for key, value in settings.items():
        small.run(folder, "dvc", "remote", "modify", "--local", "lab", key, value)
    return folder


def carried_by(small, kept, clone, tmp_path, settings: dict[str, str]):
    """Push from one clone, lose the local remote, pull in another: all is there, results at most are to be rendered."""
    pulled(small, clone)
    small.run(connected(small, clone, settings), "dvc", "push")
    shutil.rmtree(tmp_path / "actionbytes-cache")
    small.run(tmp_path, "git", "clone", "-q", kept / "origin", "other")
    other = pulled(small, connected(small, tmp_path / "other", settings))
    assert contents(other, "results/runs/**/*") == contents(kept / "origin", "results/runs/**/*")
    assert planned(small, other, "all", "runs", "features") <= RENDERED


def test_an_s3_remote(clone, kept, small, tmp_path):
    pytest.importorskip("dvc_s3", reason="pip install dvc-s3 'moto[server]' to try an S3 remote")
    moto = pytest.importorskip("moto.server", reason="pip install dvc-s3 'moto[server]' to try an S3 remote")
    import boto3

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="cache")
        access = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1", "endpointurl": url}
        carried_by(small, kept, clone, tmp_path, {"url": "s3://cache/actionbytes", **access})
        assert client.list_objects_v2(Bucket="cache", Prefix="actionbytes/files/md5/")["KeyCount"]
    finally:
        server.stop()


@contextlib.contextmanager
def ssh_server(folder, key):
    """An SFTP server for whoever has `key`, on a free port of this machine; yields the port."""
    import asyncssh

    async def serve():
        host = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=asyncssh.import_authorized_keys(key.export_public_key().decode()),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder)),
        )
        ready.put(server.get_port())
        await stop.wait()
        server.close()

    ready, loop = queue.Queue(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield ready.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@pytest.fixture
def ssh_remote(tmp_path):
    """The folder of an SSH remote, and the settings that reach it."""
    pytest.importorskip("dvc_ssh", reason="pip install dvc-ssh to try an SSH remote")
    import asyncssh

    (served := tmp_path / "served").mkdir()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "key")
    with ssh_server(served, key) as port:
        access = {"keyfile": str(tmp_path / "key"), "user": "me", "allow_agent": "false", "verify": "true"}
        yield served / "actionbytes", {"url": f"ssh://127.0.0.1:{port}/actionbytes", **access}


def test_an_ssh_remote(clone, kept, small, tmp_path, ssh_remote):
    folder, settings = ssh_remote
    carried_by(small, kept, clone, tmp_path, settings)
    assert small.objects(folder)


@pytest.mark.parametrize("kind", ["local", "ssh"])
def test_half_an_object_in_a_remote_is_refused_and_mended(clone, kept, small, tmp_path, root, request, kind):
    """DVC takes what has a name, or stands in a list that has one, for whole: docs/caches.md says what helps."""
    folder, settings = tmp_path / "actionbytes-cache", None
    pulled(small, clone)
    if kind == "ssh":
        folder, settings = request.getfixturevalue("ssh_remote")
        connected(small, clone, settings)
    small.run(clone, "dvc", "push")
    broken = small.cut_object(folder, 0.5)
    small.run(clone, "dvc", "push")
    assert small.half_objects(folder) == [broken]  # if not, DVC mends it by now: the page can be shortened
    small.run(tmp_path, "git", "clone", "-q", kept / "origin", "other")
    other = tmp_path / "other"
    if kind == "ssh":
        connected(small, other, settings)
    assert small.run(other, "dvc", "pull", check=False).returncode != 0
    assert not small.half_objects(other / ".dvc/cache")
    page = (root / "docs/caches.md").read_text()
    (lines,) = re.findall(r"^ {4}cd \S+/files/md5\n((?: {4}.+\n)+)", page, re.MULTILINE)
    small.run(folder / "files/md5", "sh", "-c", lines)
    assert not broken.exists()
    small.run(clone, "dvc", "push")
    assert broken.exists()
    assert not small.half_objects(folder)
    small.run(other, "dvc", "pull")
    assert contents(other, "results/runs/**/*") == contents(kept / "origin", "results/runs/**/*")


def test_a_figure_of_another_branch_is_drawn_again(clone, kept, small):
    """Times, and Snakemake's checksums of inputs, say that the other branch's figure is this one's."""
    pulled(small, clone)
    small.run(clone, "snakemake", "--cores", "1", "figures")
    small.run(clone, "git", "switch", "-qc", "other")
    small.loosen(clone)
    small.run(clone, "snakemake", "--cores", "1", "figures")
    drawn = contents(clone, "results/figures/fig8*")
    small.run(clone, "git", "checkout", "-q", "papers")  # back, and the figure of this branch was drawn before
    small.run(clone, "snakemake", "--cores", "1", "figures")
    for path, content in drawn.items():
        (clone / path).write_bytes(content)  # as a checkout of the other branch alone would leave it
    assert "render_figure" in planned(small, clone, "figures")
    small.run(clone, "snakemake", "--cores", "1", "figures")
    for kind in ("png", "pdf", "csv"):
        assert contents(clone, f"results/figures/*.{kind}") == contents(kept / "origin", f"results/figures/*.{kind}")


def test_a_list_that_is_not_what_its_name_says_is_found_before_it_is_checked_out(clone, small):
    """DVC believes it, whatever it names: `dvc pull` would end with status 0."""
    small.run(clone, "dvc", "fetch")
    assert "are what their names say" in small.run(clone, "actionbytes", "check").stdout
    path = next((clone / ".dvc/cache/files/md5").rglob("*.dir"))
    path.chmod(0o644)
    path.write_text('[{"md5": "' + "0" * 32 + '", "relpath": "../../src.py"}]')
    done = small.run(clone, "actionbytes", "check", check=False)
    assert done.returncode == 1 and "is not what its name says" in done.stdout
