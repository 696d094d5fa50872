# Needs:  features, annotations, papers/*.yaml (experiments)
# Makes:  results/runs/<suite>/<run>/seed<k>/model.safetensors and below it, per target, detections and metrics
# Steps:  (list_exclusions, for zero-shot) -> train_method -> localize_actions -> evaluate_detections


rule list_exclusions:
    input:
        source=lambda w: ancient(str(plan.labels(plan.find_excluded(w.recipe).dataset))),
        target=lambda w: ancient(str(plan.labels(plan.find_excluded(w.recipe).target))),
    output:
        "results/exclusions/{suite}/{recipe}.csv",
    log:
        "logs/list_exclusions/{suite}-{recipe}.log",
    threads: 1
    params:
        excluded=lambda w: plan.find_excluded(w.recipe),
        how=plan.suite.exclusion,
        aliases=plan.suite.words.aliases,
    message:
        "Listing classes that zero-shot leaves out: {wildcards.recipe}"
    script:
        "../scripts/list_exclusions.py"


rule train_method:
    input:
        annotations=lambda w: ancient(str(plan.labels(plan.find_run(w.run).dataset))),
        features=lambda w: [ancient(p) for p in as_text(plan.find_run(w.run).inputs)],
        init=lambda w: [ancient(p) for p in as_text(plan.find_run(w.run).init_models(int(w.seed)))],
        excluded=lambda w: [ancient(p) for p in as_text(plan.find_run(w.run).exclusions)],
    output:
        "results/runs/{suite}/{run}/seed{seed}/model.safetensors",
    log:
        "logs/train_method/{suite}-{run}-seed{seed}.log",
    benchmark:
        "logs/benchmarks/train_method/{suite}-{run}-seed{seed}.tsv"
    threads: lambda w: plan.find_run(w.run).training.threads
    params:
        run=lambda w: plan.find_run(w.run),
    message:
        "Training {wildcards.run}, seed {wildcards.seed}"
    script:
        "../scripts/train_method.py"


rule localize_actions:
    input:
        annotations=lambda w: ancient(str(plan.labels(w.target))),
        model=ancient("results/runs/{suite}/{run}/seed{seed}/model.safetensors"),
        features=lambda w: [ancient(p) for p in as_text(plan.find_localized(w.run, w.target, w.recipe).inputs)],
        words=lambda w: [ancient(p) for p in as_text(plan.words_for(w.run, w.target, w.recipe))],
    output:
        "results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/detections.json",
    log:
        "logs/localize_actions/{suite}-{run}-seed{seed}-{target}-{recipe}.log",
    threads: 1
    params:
        localized=lambda w: plan.find_localized(w.run, w.target, w.recipe),
        aliases=plan.suite.words.aliases,
    message:
        "Localizing in {wildcards.target} by {wildcards.run}, seed {wildcards.seed}"
    script:
        "../scripts/localize_actions.py"


rule evaluate_detections:
    input:
        annotations=lambda w: ancient(str(plan.labels(w.target))),
        detections=ancient("results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/detections.json"),
        videos=lambda w: ancient(str(plan.find_localized(w.run, w.target, w.recipe).listing)),
    output:
        "results/runs/{suite}/{run}/seed{seed}/{target}/{recipe}/metrics.json",
    log:
        "logs/evaluate_detections/{suite}-{run}-seed{seed}-{target}-{recipe}.log",
    threads: 1
    params:
        subset=lambda w: plan.find_localized(w.run, w.target, w.recipe).subset,
        metrics=plan.suite.evaluation,
    message:
        "Evaluating {wildcards.run}, seed {wildcards.seed}, in {wildcards.target}"
    script:
        "../scripts/evaluate_detections.py"
