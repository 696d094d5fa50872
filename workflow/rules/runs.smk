# Needs:  features, annotations, papers/*.yaml (experiments)
# Makes:  results/runs/<suite>/<run>/seed<k>/model.safetensors and below it, per target, detections, scores and metrics
# Steps:  (list_exclusions, for zero-shot) -> train -> detect -> evaluate


rule list_exclusions:
    input:
        source=lambda w: settled_file(plan.at.exclusions(w.recipe).labels),
        target=lambda w: settled_file(plan.at.exclusions(w.recipe).target_labels),
    output:
        "results/exclusions/{suite}/{recipe}.csv",
    log:
        "logs/list_exclusions/{suite}-{recipe}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        exclusions=lambda w: plan.at.exclusions(w.recipe),
        rule=plan.suite.exclusion,
        aliases=plan.suite.words.aliases,
    message:
        "Listing classes that zero-shot leaves out: {wildcards.recipe}"
    script:
        "../scripts/list_exclusions.py"


rule train:
    input:
        annotations=lambda w: settled(source.labels for source in plan.at.run(w.run).sources.values()),
        features=lambda w: settled(plan.at.run(w.run).inputs),
        starts=lambda w: settled(start.model(int(w.seed)) for start in plan.at.run(w.run).starts.values()),
        exclusions=lambda w: settled(plan.at.run(w.run).exclusions),
    output:
        "results/runs/{suite}/{run}/seed{seed}/model.safetensors",
    log:
        "logs/train/{suite}-{run}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/train/{suite}-{run}-seed{seed}.tsv"
    threads: lambda w: plan.at.run(w.run).training.threads
    resources:
        mem_mb=16000,
        runtime=720,
    params:
        run=lambda w: plan.at.run(w.run),
    message:
        "Training {wildcards.run}, seed {wildcards.seed}"
    script:
        "../scripts/train.py"


rule detect:
    input:
        annotations=lambda w: settled_file(plan.datasets[w.target].labels),
        model=ancient("results/runs/{suite}/{run}/seed{seed}/model.safetensors"),
        features=lambda w: settled(plan.at.detections(w.run, w.target, w.recipe).inputs),
        words=lambda w: settled([plan.runs.words] if plan.at.detections(w.run, w.target, w.recipe).transfer else []),
    output:
        detections="results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/detections.json",
        scores="results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/scores.csv",
    log:
        "logs/detect/{suite}-{run}-seed{seed}-{target}-{recipe}.log",
    benchmark:
        "logs/benchmarks/detect/{suite}-{run}-seed{seed}-{target}-{recipe}.tsv"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        detections=lambda w: plan.at.detections(w.run, w.target, w.recipe),
        aliases=plan.suite.words.aliases,
    message:
        "Detecting in {wildcards.target} by {wildcards.run}, seed {wildcards.seed}"
    script:
        "../scripts/detect.py"


rule evaluate:
    input:
        annotations=lambda w: settled_file(plan.datasets[w.target].labels),
        detections=ancient("results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/detections.json"),
        scores=ancient("results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/scores.csv"),
        videos=lambda w: settled_file(plan.at.detections(w.run, w.target, w.recipe).listing),
    output:
        "results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/metrics.json",
    log:
        "logs/evaluate/{suite}-{run}-seed{seed}-{target}-{recipe}.log",
    benchmark:
        "logs/benchmarks/evaluate/{suite}-{run}-seed{seed}-{target}-{recipe}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        detections=lambda w: plan.at.detections(w.run, w.target, w.recipe),
        metrics=plan.suite.evaluation,
    message:
        "Evaluating {wildcards.run}, seed {wildcards.seed}, in {wildcards.target}"
    script:
        "../scripts/evaluate.py"
