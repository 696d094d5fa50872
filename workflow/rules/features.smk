# Needs:  data/<suite>/<dataset>/videos/
# Makes:  data/<suite>/<dataset>/features/<recipe>/<shard>.h5 and, in mini, data/<suite>/weights/<recipe>/
# Steps:  decode_videos -> compute_flow -> (pretrain_backbone) -> extract_features -> list_videos
# Frames and flow are temporary. The recipe is in the path, so inputs are ancient: time stamps decide nothing.


rule decode_videos:
    input:
        lambda w: ancient(str(plan.origin(w.dataset))),
    output:
        temp(directory("data/{suite}/{dataset}/frames/{recipe}/{shard}")),
    log:
        "logs/decode_videos/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/decode_videos/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    params:
        features=lambda w: plan.find_frames(w.dataset, w.recipe),
        own=lambda w: plan.own(w.dataset),
    message:
        "Decoding {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/decode_videos.py"


rule compute_flow:
    input:
        lambda w: ancient(str(plan.find_flow(w.dataset, w.recipe).frames_of(w.shard))),
    output:
        temp(directory("data/{suite}/{dataset}/flow/{recipe}/{shard}")),
    log:
        "logs/compute_flow/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/compute_flow/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    params:
        flow=plan.suite.flow,
    message:
        "TV-L1 flow of {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/compute_flow.py"


rule pretrain_backbone:
    input:
        lambda w: [ancient(path) for path in as_text(plan.find_weights(w.recipe).inputs(w.stream))],
    output:
        "data/{suite}/weights/{recipe}/{stream}.safetensors",
    log:
        "logs/pretrain_backbone/{suite}-{recipe}-{stream}.log",
    benchmark:
        "logs/benchmarks/pretrain_backbone/{suite}-{recipe}-{stream}.tsv"
    priority: 10
    threads: 1
    params:
        weights=lambda w: plan.find_weights(w.recipe),
    message:
        "Pretraining the {wildcards.stream} stream of I3D"
    script:
        "../scripts/pretrain_backbone.py"


rule extract_features:
    input:
        frames=lambda w: ancient(str(plan.find_features(w.dataset, w.recipe).clips.frames_of(w.shard))),
        flow=lambda w: ancient(str(plan.find_features(w.dataset, w.recipe).clips.flow_of(w.shard))),
        weights=lambda w: [ancient(p) for p in as_text(plan.find_features(w.dataset, w.recipe).weights)],
    output:
        "data/{suite}/{dataset}/features/{recipe}/{shard}.h5",
    log:
        "logs/extract_features/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/extract_features/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    params:
        features=lambda w: plan.find_features(w.dataset, w.recipe),
    message:
        "I3D features of {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/extract_features.py"


rule list_videos:
    input:
        lambda w: [ancient(p) for p in as_text(plan.find_features(w.dataset, w.recipe).files(w.subset))],
    output:
        "data/{suite}/{dataset}/features/{recipe}/{subset}.videos.csv",
    log:
        "logs/list_videos/{suite}-{dataset}-{recipe}-{subset}.log",
    message:
        "Listing what became of the videos of {wildcards.dataset} {wildcards.subset}"
    script:
        "../scripts/list_videos.py"
