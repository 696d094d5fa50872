"""Contradictions among the papers' published numbers."""

from pathlib import Path

from actionbytes.files import write_text
from actionbytes.papers.audit import audit, to_csv, to_text
from actionbytes.papers.declared import read_papers
from actionbytes.steps.job import job

with job(snakemake):
    findings = audit(read_papers(Path("papers")))
    print(to_text(findings))
    write_text(snakemake.output[0], to_csv(findings))
