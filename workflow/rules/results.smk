# Needs:  metrics of every run that a table shows; detections, models and stills for pictures
# Makes:  results/<table>.{csv,md,tex,html,provenance.json}, metrics and curves for DVC,
#          results/figures/<figure>.{png,pdf,csv,provenance.json}, audit.csv
# Steps:  render_table; (pick_stills) -> render_figure; audit
# A result's provenance names the key of what it shows and how. Where the plan has another key, a new file among the
# inputs makes Snakemake render it again.


rule render_table:
    input:
        metrics=lambda w: as_text(planned(plan.results.metrics, w.table)),
        stale=lambda w: as_text(planned(plan.results.mark_if_stale, w.table)),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        html=report(
            "results/{table}.html",
            caption="../report/table.rst",
            category=lambda w: plan.results.tables[w.table].name,
            labels=lambda w: {"result": plan.results.tables[w.table].tables[w.table].number},
        ),
        provenance="results/{table}.provenance.json",
        metrics=directory("results/metrics/{table}"),
        curves="results/curves/{table}.csv",
    log:
        "logs/render_table/{table}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        inputs=lambda w: plan.results.table_inputs(w.table),
        key=lambda w: plan.results.key(w.table),
    message:
        "Rendering {wildcards.table}"
    script:
        "../scripts/render_table.py"


rule audit:
    input:
        sorted(str(path) for path in Path("papers").glob("[!.]*.yaml")),
    output:
        "results/audit.csv",
    log:
        "logs/audit.log",
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    message:
        "Contradictions among the papers"
    script:
        "../scripts/audit.py"


rule pick_stills:
    input:
        lambda w: settled_file(plan.datasets[w.dataset].marker),
    output:
        "data/{suite}/{dataset}/stills/{recipe}.h5",
    log:
        "logs/pick_stills/{suite}-{dataset}-{recipe}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        stills=lambda w: plan.at.stills(w.dataset, w.recipe),
        dataset=lambda w: plan.datasets[w.dataset],
    message:
        "Stills of a few videos of {wildcards.dataset}"
    script:
        "../scripts/pick_stills.py"


rule render_figure:
    input:
        files=lambda w: as_text(plan.results.figure_inputs(w.figure).files),
        truth=lambda w: settled(plan.results.figure_inputs(w.figure).truth),
        stale=lambda w: as_text(planned(plan.results.mark_if_stale, w.figure)),
    output:
        png=report(
            "results/figures/{figure}.png",
            caption="../report/figure.rst",
            category=lambda w: plan.results.figures[w.figure].name,
            labels=lambda w: {"result": plan.results.figure(w.figure).number},
        ),
        pdf="results/figures/{figure}.pdf",
        csv="results/figures/{figure}.csv",
        provenance="results/figures/{figure}.provenance.json",
    log:
        "logs/render_figure/{figure}.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        inputs=lambda w: plan.results.figure_inputs(w.figure),
        key=lambda w: plan.results.key(w.figure),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/render_figure.py"
