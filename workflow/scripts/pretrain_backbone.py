"""Train one stream of the narrow I3D on the trimmed clips of kinetics400."""

from pathlib import Path

from actionbytes.features.backbone import pretrain_stream

from actionbytes.bridge import job

with job(snakemake):
    weights, stream = snakemake.params.weights, snakemake.wildcards.stream
    folders = [Path(path) for path in snakemake.input]
    pretrain_stream(stream, folders, weights, Path(snakemake.output[0]))
