# Needs:  metrics of every run that a table shows
# Makes:  results/<table>.{csv,md,tex,provenance.json}
# Steps:  render_table


rule render_table:
    message:
        "Rendering {wildcards.table}"
    input:
        metrics=lambda w: as_text(plan.metrics(w.table)),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        provenance="results/{table}.provenance.json",
    params:
        declared=lambda w: plan.declaration(w.table),
    log:
        "logs/render_table/{table}.log",
    threads: 1
    script:
        "../scripts/render_table.py"
