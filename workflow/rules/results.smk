# Needs:  metrics of every run that a table shows
# Makes:  results/<table>.{csv,md,tex,html,provenance.json}, results/metrics/<table>/ and results/curves/<table>.csv for DVC
# Steps:  render_table
# A table's key says what it shows and how. It is rewritten only when that changes, and then the table is rendered anew.

for name in TABLES:
    plan.write_key(name)


rule render_table:
    input:
        metrics=lambda w: as_text(plan.metrics(w.table)),
        key=lambda w: str(plan.key(w.table)),
    output:
        csv="results/{table}.csv",
        md="results/{table}.md",
        tex="results/{table}.tex",
        html=report(
            "results/{table}.html",
            caption="../report/table.rst",
            category=lambda w: "{0.name} ({0.venue})".format(plan.tables()[w.table]),
            labels=lambda w: {"table": plan.tables()[w.table].tables[w.table].number, "target": w.table},
        ),
        provenance="results/{table}.provenance.json",
        metrics=directory("results/metrics/{table}"),
        curves="results/curves/{table}.csv",
    log:
        "logs/render_table/{table}.log",
    threads: 1
    params:
        declared=lambda w: plan.declaration(w.table),
    message:
        "Rendering {wildcards.table}"
    script:
        "../scripts/render_table.py"
