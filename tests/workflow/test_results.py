"""What a reader asks of a result: where it comes from, what made it, whether it comes out again."""

import json
import re
import shutil

import pytest


@pytest.fixture
def pulled(clone, small):
    small.run(clone, "dvc", "pull")
    return clone


TABLE = "results/table1_what2when.csv"


def test_a_cell_is_explained(pulled, small):
    text = small.run(pulled, "actionbytes", "explain", TABLE, "--row", "Baseline", "--column", "thumos14").stdout
    assert "## Baseline, thumos14" in text
    assert "## Ours" not in text
    commit = json.loads((pulled / TABLE).with_suffix(".provenance.json").read_text())["commit"]
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert commit in text
    runs = re.search(r"runs +(results/runs/mini/wtalc-kinetics400-[0-9a-f]{10})/seed", text).group(1)
    assert (pulled / runs / "seed0/model.safetensors").exists()
    tested = re.search(r"tested on +(\S+):", text).group(1)
    assert (pulled / tested / "test_00.h5").exists()
    assert "2 of 2 videos used" in text
    for line in (pulled / TABLE).read_text().splitlines()[1:5]:
        fields = line.split(",")
        assert f"mAP at tIoU {fields[3]}: {fields[4]}" in text
    cost = {match[0]: float(match[1]) for match in re.findall(r"^  (\w+) +\d+ +[\d.]+ +([\d.]+) +\d+$", text, re.M)}
    assert {"render_videos", "extract_shard", "pretrain_stream", "train"} <= cost.keys()
    assert sum(cost.values()) > 0
    assert "STALE" not in text
    small.loosen(pulled)
    assert "STALE" in small.run(pulled, "actionbytes", "explain", TABLE).stdout


def test_what_is_not_there_is_said_in_one_line(pulled, small):
    done = small.run(pulled, "actionbytes", "explain", TABLE, "--row", "Nobody", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'Baseline'" in done.stderr
    done = small.run(pulled, "actionbytes", "explain", "results/none.csv", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_recipes_are_shown_compared_and_pruned(pulled, small):
    shown = small.run(pulled, "actionbytes", "recipe", "show", TABLE).stdout
    assert "fps 25.0" in shown
    run = next((pulled / "results/runs/mini").glob("wtalc-*"))
    assert run.name[-10:] in small.run(pulled, "actionbytes", "recipe", "show", run.relative_to(pulled)).stdout
    same = small.run(pulled, "actionbytes", "recipe", "diff", run.relative_to(pulled), "what2when_baseline")
    assert "the same recipe" in same.stdout
    other = next((pulled / "results/runs/mini").glob("actionbytes-*"))
    done = small.run(pulled, "actionbytes", "recipe", "diff", run, other, check=False)
    assert done.returncode == 1
    assert "method: wtalc -> actionbytes" in done.stdout


def test_prune_deletes_what_nobody_names_and_only_when_told(pulled, small):
    small.edit(pulled, "mini", "methods", "wtalc", "training", value={"iterations": 13})
    small.edit(pulled, "mini", "decoding", "fps", value=24)
    own = pulled / "data/mini/thumos14/features/mine"
    own.mkdir()
    (own / "notes.txt").write_text("not a recipe's name")
    before = {path for path in pulled.rglob("*") if ".git" not in path.parts and ".dvc" not in path.parts}
    listed = small.run(pulled, "actionbytes", "recipe", "prune").stdout
    assert {path for path in pulled.rglob("*") if ".git" not in path.parts and ".dvc" not in path.parts} == before
    named = {pulled / line.split("MiB  ")[1] for line in listed.splitlines() if "MiB  " in line}
    assert {path.parent.name for path in named} == {"features", "stills", "weights", "mini"}
    small.run(pulled, "actionbytes", "recipe", "prune", "--yes")
    gone = before - {path for path in pulled.rglob("*") if ".git" not in path.parts and ".dvc" not in path.parts}
    assert gone == {path for path in before if any(n == path or n in path.parents for n in named)}
    assert (own / "notes.txt").exists()
    shutil.rmtree(own)  # DVC would not check out over a file that it does not know
    small.run(pulled, "git", "checkout", "params.yaml")
    assert all(not path.exists() for path in named)
    small.run(pulled, "dvc", "checkout")
    assert all(path.exists() for path in named)
    assert "every artifact is named" in small.run(pulled, "actionbytes", "recipe", "prune").stdout


def test_a_table_comes_out_again_and_a_tampered_file_is_found(pulled, small):
    metrics = sorted((pulled / "results/runs").rglob("metrics.json"))[0]
    content = json.loads(metrics.read_text())
    content["wtalc"]["map"][3] += 0.25
    metrics.write_text(json.dumps(content, indent=1) + "\n")
    done = small.run(pulled, "actionbytes", "reproduce", TABLE, check=False)
    assert done.returncode == 1, done.stderr
    differs = [line for line in done.stdout.splitlines() if line.startswith("differs")]
    assert len(differs) == 1
    assert str(metrics.relative_to(pulled)) in differs[0]
    assert "by at most 0.25, at wtalc.map[3]; 1 of" in differs[0]
    assert re.search(r"2 of +2 identical +model.safetensors", done.stdout)
    assert re.search(r"1 of +1 identical +table1_what2when.csv", done.stdout)


def test_a_table_comes_out_again_from_videos(pulled, small):
    """In the mini world, from the seed of the videos: rendered, decoded, extracted, trained, evaluated anew."""
    done = small.run(pulled, "actionbytes", "reproduce", TABLE, "--from", "videos", "--cores", "2")
    assert f"identical: {TABLE} and all" in done.stdout
    assert re.search(r"(\d) of +\1 identical +test_00.h5", done.stdout)  # features are among what is compared


def test_the_report_is_whole_without_a_network(pulled, small):
    small.run(pulled, "snakemake", "--cores", "1", "all")
    small.run(pulled, "snakemake", "--report", "report.html")
    page = (pulled / "report.html").read_text()
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?https?:", page)
    assert "Learning from short trimmed videos" in page  # the caption
    assert '{"ActionBytes"' in page  # the category
    assert "results/table1_what2when.html" in page
    assert "results/figures/fig8_qualitative.png" in page
    assert "train" in page or "render_table" in page  # runtime statistics
