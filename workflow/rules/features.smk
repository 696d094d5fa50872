# Needs:  data/<suite>/<dataset>/videos/
# Makes:  data/<suite>/<dataset>/features/<recipe>/<shard>.h5 and, in mini, data/<suite>/weights/<recipe>/
# Steps:  decode_shard -> flow_shard -> (pretrain_stream) -> extract_shard -> list_videos
# Frames and flow are temporary. The recipe is in the path, so inputs are ancient: time stamps decide nothing.


rule decode_shard:
    input:
        lambda w: settled_file(plan.datasets[w.dataset].marker),
    output:
        temp(directory("data/{suite}/{dataset}/frames/{recipe}/{shard}")),
    log:
        "logs/decode_shard/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/decode_shard/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        frames=lambda w: plan.at.frames(w.dataset, w.recipe),
        dataset=lambda w: plan.datasets[w.dataset],
    message:
        "Decoding {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/decode_shard.py"


rule flow_shard:
    input:
        lambda w: settled_file(plan.at.flow(w.dataset, w.recipe).frames_of(w.shard)),
    output:
        temp(directory("data/{suite}/{dataset}/flow/{recipe}/{shard}")),
    log:
        "logs/flow_shard/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/flow_shard/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=720,
    params:
        flow=plan.suite.flow,
    message:
        "Optical flow of {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/flow_shard.py"


rule pretrain_stream:
    input:
        lambda w: settled(plan.at.pretrained(w.recipe).inputs(w.stream)),
    output:
        "data/{suite}/weights/{recipe}/{stream}.safetensors",
    log:
        "logs/pretrain_stream/{suite}-{recipe}-{stream}.log",
    benchmark:
        "logs/benchmarks/pretrain_stream/{suite}-{recipe}-{stream}.tsv"
    priority: 10
    threads: lambda w: plan.at.pretrained(w.recipe).pretraining.threads
    resources:
        mem_mb=8000,
        runtime=720,
    params:
        pretrained=lambda w: plan.at.pretrained(w.recipe),
    message:
        "Pretraining the {wildcards.stream} stream of {wildcards.recipe}"
    script:
        "../scripts/pretrain_stream.py"


rule extract_shard:
    input:
        seen=lambda w: settled(plan.at.features(w.dataset, w.recipe).seen(w.shard).values()),
        weights=lambda w: settled(plan.at.features(w.dataset, w.recipe).weights.values()),
    output:
        "data/{suite}/{dataset}/features/{recipe}/{shard}.h5",
    log:
        "logs/extract_shard/{suite}-{dataset}-{recipe}-{shard}.log",
    benchmark:
        "logs/benchmarks/extract_shard/{suite}-{dataset}-{recipe}-{shard}.tsv"
    threads: lambda w: plan.at.features(w.dataset, w.recipe).kind.threads
    resources:
        mem_mb=8000,
        runtime=720,
    params:
        features=lambda w: plan.at.features(w.dataset, w.recipe),
    message:
        "Features of {wildcards.dataset} {wildcards.shard}"
    script:
        "../scripts/extract_shard.py"


rule list_videos:
    input:
        lambda w: settled(plan.at.features(w.dataset, w.recipe).files(w.subset)),
    output:
        "data/{suite}/{dataset}/features/{recipe}/{subset}.videos.csv",
    log:
        "logs/list_videos/{suite}-{dataset}-{recipe}-{subset}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    message:
        "Listing what became of the videos of {wildcards.dataset} {wildcards.subset}"
    script:
        "../scripts/list_videos.py"
