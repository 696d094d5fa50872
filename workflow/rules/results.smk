# Needs:  metrics of every run that a table shows; detections, models and stills for pictures
# Makes:  results/<table>.{csv,md,tex,html,provenance.json}, metrics and curves for DVC,
#          results/figures/<figure>.{png,pdf,csv,provenance.json}, audit.csv
# Steps:  render_table; (pick_stills) -> render_figure; audit
# A result's provenance names the key of what it shows and how. Where it is another one, a new file among the inputs says so.


rule render_table:
    input:
        metrics=lambda w: as_text(planned(plan.metrics, w.table)),
        stale=lambda w: as_text(planned(plan.mark_if_stale, w.table)),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        html=report(
            "results/{table}.html",
            caption="../report/table.rst",
            category=lambda w: plan.tables()[w.table].name,
            labels=lambda w: {"result": plan.tables()[w.table].tables[w.table].number},
        ),
        provenance="results/{table}.provenance.json",
        metrics=directory("results/metrics/{table}"),
        curves="results/curves/{table}.csv",
    log:
        "logs/render_table/{table}.log",
    threads: 1
    params:
        declared=lambda w: plan.declaration(w.table),
        key=lambda w: plan.key(w.table),
    message:
        "Rendering {wildcards.table}"
    script:
        "../scripts/render_table.py"


rule audit:
    input:
        sorted(str(path) for path in Path("papers").glob("*.yaml")),
    output:
        "results/audit.csv",
    log:
        "logs/audit.log",
    threads: 1
    message:
        "Contradictions among the papers"
    shell:
        "actionbytes audit --out {output} > {log}"


rule pick_stills:
    input:
        lambda w: ancient(str(plan.origin(w.dataset))),
    output:
        "data/{suite}/{dataset}/stills/{recipe}.h5",
    log:
        "logs/pick_stills/{suite}-{dataset}-{recipe}.log",
    threads: 1
    params:
        stills=lambda w: plan.find_stills(w.dataset, w.recipe),
    message:
        "Stills of a few videos of {wildcards.dataset}"
    script:
        "../scripts/pick_stills.py"


rule render_figure:
    input:
        files=lambda w: as_text(plan.drawn_from(w.figure)),
        truth=lambda w: [ancient(p) for p in as_text(plan.drawing(w.figure).get("truth", []))],
        stale=lambda w: as_text(planned(plan.mark_if_stale, w.figure)),
    output:
        png=report(
            "results/figures/{figure}.png",
            caption="../report/figure.rst",
            category=lambda w: plan.figures()[w.figure].name,
            labels=lambda w: {"result": plan.figures()[w.figure].figures[w.figure].number},
        ),
        pdf="results/figures/{figure}.pdf",
        csv="results/figures/{figure}.csv",
        provenance="results/figures/{figure}.provenance.json",
    log:
        "logs/render_figure/{figure}.log",
    threads: 1
    params:
        drawing=lambda w: plan.drawing(w.figure),
        key=lambda w: plan.key(w.figure),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../scripts/render_figure.py"
