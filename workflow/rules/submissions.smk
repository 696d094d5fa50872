# Needs:  detections in a subset whose truth only a test server has
# Makes:  results/<submission>.json, in the format of the ActivityNet challenge
# Steps:  write_submission


rule write_submission:
    input:
        annotations=lambda w: settled_file(plan.datasets[plan.results.submitted(w.submission).target].marker),
        detections=lambda w: str(
            plan.results.submitted(w.submission).detections(plan.results.submissions()[w.submission].seed)
        ),
    output:
        "results/{submission}.json",
    log:
        "logs/write_submission/{submission}.log",
    wildcard_constraints:
        submission="|".join(plan.results.submissions()) or "none",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        subset=lambda w: plan.results.submitted(w.submission).subset,
        annotations=lambda w: str(plan.datasets[plan.results.submitted(w.submission).target].annotations),
        details=lambda w: plan.results.submissions()[w.submission].details,
    message:
        "Writing {wildcards.submission}"
    script:
        "../scripts/write_submission.py"
