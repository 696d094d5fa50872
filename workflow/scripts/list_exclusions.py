"""List the source classes that name the same action as a target class, so that zero-shot leaves them out."""

from pathlib import Path

from actionbytes.data.annotations import classes_of, of_subset, read_annotations
from actionbytes.data.exclusions import matches, read_excluded, write_matches
from actionbytes.data.words import ALIASES
from actionbytes.steps.job import job

with job(snakemake):
    excluded, out = snakemake.params.excluded, Path(snakemake.output[0])
    source, target = read_annotations(snakemake.input.source), read_annotations(snakemake.input.target)
    sources = classes_of(of_subset(source, excluded.subset))
    aliases = {**ALIASES, **snakemake.params.aliases}
    write_matches(out, matches(classes_of(target), sources, snakemake.params.how, aliases))
    print(f"{out}: {len(read_excluded(out))} of {len(sources)} classes of {excluded.dataset} are left out")
