# Needs:  params.yaml
# Makes:  data/<suite>/<dataset>/{videos/, annotations.json, videos.csv}, labels and word vectors
# Steps:  render_videos, write_words (suite mini); list_own_videos (own folders, docs/own-data.md); a suite of published
#         videos brings its own files
# A marker says that the videos are there; labels are annotations under a recipe's name, of use without videos.


rule render_videos:
    input:
        lambda w: [] if plan.videos_of(w.dataset) == w.dataset else str(plan.origin(plan.videos_of(w.dataset))),
    output:
        world="data/{suite}/{dataset}/world-{digest}.json",
        labels="data/{suite}/labels/world-{digest}/{dataset}.json",
        parts="data/{suite}/labels/world-{digest}/{dataset}.sub_actions.json",
    log:
        "logs/render_videos/{suite}-{dataset}-{digest}.log",
    benchmark:
        "logs/benchmarks/render_videos/{suite}-{dataset}-{digest}.tsv"
    threads: 1
    params:
        recipe=plan.world,
    message:
        "Rendering the videos of {wildcards.dataset}"
    script:
        "../scripts/render_videos.py"


rule list_own_videos:
    output:
        marker="data/{suite}/{dataset}/own-{digest}.json",
        labels="data/{suite}/labels/own-{digest}/{dataset}.json",
    log:
        "logs/list_own_videos/{suite}-{dataset}-{digest}.log",
    threads: 1
    params:
        own=lambda w: plan.own(w.dataset),
    message:
        "Listing the videos of {wildcards.dataset}"
    script:
        "../scripts/list_own_videos.py"


rule write_words:
    output:
        "data/{suite}/labels/words-world-{digest}.bin",
    log:
        "logs/write_words/{suite}-{digest}.log",
    params:
        world=plan.suite.world,
    message:
        "Writing word vectors"
    script:
        "../scripts/write_words.py"
