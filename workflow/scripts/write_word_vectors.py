"""Write the mini world's word vectors, word2vec's binary format."""

from pathlib import Path

from actionbytes.mini.vocabulary import write_word_vectors
from actionbytes.steps.job import job

with job(snakemake):
    write_word_vectors(snakemake.params.world, Path(snakemake.output[0]))
