# Needs:  params.yaml
# Makes:  data/<suite>/<dataset>/{videos/, annotations.json, videos.csv}, labels and word vectors
# Steps:  render_videos, write_word_vectors (suite mini); list_own (own folders, docs/own-data.md); a suite of published
#         videos brings its own files
# A marker says that the videos are there; labels are annotations under a recipe's name, which need no videos.


rule render_videos:
    input:
        lambda w: (
            []
            if plan.datasets.videos_of(w.dataset).name == w.dataset
            else str(plan.datasets.videos_of(w.dataset).marker)
        ),
    output:
        world="data/{suite}/{dataset}/world-{digest}.json",
        labels="data/{suite}/labels/world-{digest}/{dataset}.json",
        parts="data/{suite}/labels/world-{digest}/{dataset}.sub_actions.json",
    log:
        "logs/render_videos/{suite}-{dataset}-{digest}.log",
    benchmark:
        "logs/benchmarks/render_videos/{suite}-{dataset}-{digest}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        recipe=plan.world,
    message:
        "Rendering the videos of {wildcards.dataset}"
    script:
        "../scripts/render_videos.py"


rule list_own:
    output:
        marker="data/{suite}/{dataset}/own-{digest}.json",
        labels="data/{suite}/labels/own-{digest}/{dataset}.json",
    log:
        "logs/list_own/{suite}-{dataset}-{digest}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        own=lambda w: plan.datasets[w.dataset].data,
    message:
        "Listing the videos of {wildcards.dataset}"
    script:
        "../scripts/list_own.py"


rule write_word_vectors:
    output:
        "data/{suite}/labels/words-world-{digest}.bin",
    log:
        "logs/write_word_vectors/{suite}-{digest}.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        world=plan.suite.world,
    message:
        "Writing word vectors"
    script:
        "../scripts/write_word_vectors.py"
