# Needs:  data/<suite>/<dataset>/videos/
# Makes:  data/<suite>/<dataset>/features/<recipe>/<shard>.h5 and, in mini, data/<suite>/weights/<recipe>/
# Steps:  decode_videos -> compute_flow -> (pretrain_backbone) -> extract_features -> list_videos
# Frames and flow are temporary. The recipe is in the path, so inputs are ancient: time stamps decide nothing.


rule decode_videos:
    message:
        "Decoding {wildcards.dataset} {wildcards.shard}"
    input:
        lambda w: ancient(str(plan.origin(w.dataset))),
    output:
        temp(directory("data/{suite}/{dataset}/frames/{recipe}/{shard}")),
    params:
        features=lambda w: plan.find_frames(w.dataset, w.recipe),
    log:
        "logs/decode_videos/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/decode_videos/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    script:
        "../scripts/decode_videos.py"


rule compute_flow:
    message:
        "TV-L1 flow of {wildcards.dataset} {wildcards.shard}"
    input:
        lambda w: ancient(str(plan.find_flow(w.dataset, w.recipe).frames_of(w.shard))),
    output:
        temp(directory("data/{suite}/{dataset}/flow/{recipe}/{shard}")),
    params:
        flow=plan.suite.flow,
    log:
        "logs/compute_flow/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/compute_flow/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    script:
        "../scripts/compute_flow.py"


rule pretrain_backbone:
    message:
        "Pretraining the {wildcards.stream} stream of I3D"
    input:
        lambda w: [ancient(path) for path in as_text(plan.find_weights(w.recipe).inputs(w.stream))],
    output:
        "data/{suite}/weights/{recipe}/{stream}.safetensors",
    params:
        weights=lambda w: plan.find_weights(w.recipe),
    log:
        "logs/pretrain_backbone/{suite}-{recipe}-{stream}.log",
    benchmark:
        "logs/benchmarks/pretrain_backbone/{suite}-{recipe}-{stream}.tsv"
    threads: 1
    priority: 10
    script:
        "../scripts/pretrain_backbone.py"


rule extract_features:
    message:
        "I3D features of {wildcards.dataset} {wildcards.shard}"
    input:
        frames=lambda w: ancient(str(plan.find_features(w.dataset, w.recipe).frames_of(w.shard))),
        flow=lambda w: ancient(str(plan.find_features(w.dataset, w.recipe).flow_of(w.shard))),
        weights=lambda w: [ancient(p) for p in as_text(plan.find_features(w.dataset, w.recipe).weights)],
    output:
        "data/{suite}/{dataset}/features/{recipe}/{shard}.h5",
    params:
        features=lambda w: plan.find_features(w.dataset, w.recipe),
        suite=plan.suite,
    log:
        "logs/extract_features/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/extract_features/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    script:
        "../scripts/extract_features.py"


rule list_videos:
    message:
        "Listing what became of the videos of {wildcards.dataset} {wildcards.subset}"
    input:
        lambda w: [ancient(p) for p in as_text(plan.find_features(w.dataset, w.recipe).files(w.subset))],
    output:
        "data/{suite}/{dataset}/features/{recipe}/{subset}.videos.csv",
    log:
        "logs/list_videos/{suite}-{dataset}-{recipe}-{subset}.log",
    script:
        "../scripts/list_videos.py"
