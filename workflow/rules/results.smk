# Needs:  metrics of every run that a table shows
# Makes:  results/<table>.{csv,md,tex,provenance.json}
# Steps:  render_table
# A table's key says what it shows and how. It is rewritten only when that changes, and then the table is rendered anew.

for name in TABLES:
    planned(plan.write_key, name)


rule render_table:
    input:
        metrics=lambda w: as_text(planned(plan.metrics, w.table)),
        key=lambda w: str(plan.key(w.table)),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        provenance="results/{table}.provenance.json",
    log:
        "logs/render_table/{table}.log",
    threads: 1
    params:
        declared=lambda w: plan.declaration(w.table),
    message:
        "Rendering {wildcards.table}"
    script:
        "../scripts/render_table.py"
