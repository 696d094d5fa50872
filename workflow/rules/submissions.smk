# Needs:  detections in a subset whose truth only a test server has
# Makes:  results/<submission>.json, in the format of the ActivityNet challenge
# Steps:  write_submission


rule write_submission:
    input:
        annotations=lambda w: ancient(str(plan.origin(plan.submissions()[w.submission].dataset))),
        detections=lambda w: str(
            plan.submitted(w.submission).folder(plan.submissions()[w.submission].seed) / "detections.json"
        ),
    output:
        "results/{submission}.json",
    log:
        "logs/write_submission/{submission}.log",
    wildcard_constraints:
        submission="|".join(plan.submissions()) or "none",
    threads: 1
    params:
        subset=lambda w: plan.submitted(w.submission).subset,
        annotations=lambda w: str(plan.home(plan.submitted(w.submission).target) / "annotations.json"),
        details=lambda w: plan.submissions()[w.submission].details,
    message:
        "Writing {wildcards.submission}"
    script:
        "../scripts/write_submission.py"
