# From video files to every table and figure of five papers on action localization with little supervision.
#
#   snakemake results/table1_what2when.csv --cores 8
#
# params.yaml   which suite (mini, full), sizes and parameters
# papers/       every table and figure, declared
# workflow/     rules by phase; scripts call src/actionbytes

import sys

from actionbytes.errors import UserError
from actionbytes.plan import Plan

try:
    plan = Plan.read()
    TABLES, FIGURES = list(plan.tables()), list(plan.figures())
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/runs.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/submissions.smk"


rule all:
    default_target: True
    input:
        expand("results/{table}.csv", table=TABLES),
        expand("results/figures/{figure}.png", figure=FIGURES),


rule tables:
    input:
        expand("results/{table}.csv", table=TABLES),


rule figures:
    input:
        expand("results/figures/{figure}.png", figure=FIGURES),


for paper in plan.papers:  # `snakemake stpn`: everything of one paper that is made here
    if plan.results(paper):

        rule:
            name:
                paper
            input:
                as_text(plan.results(paper)),
