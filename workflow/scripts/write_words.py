"""Write the mini world's word vectors, word2vec's binary format."""

from pathlib import Path

from actionbytes.bridge import job
from actionbytes.data.mini.vocabulary import write_word_vectors

with job(snakemake):
    write_word_vectors(snakemake.params.world, Path(snakemake.output[0]))
