# From video files to every table and figure of five papers on action localization with little supervision.
#
#   snakemake results/table1_what2when.csv --cores 8
#
# params.yaml   which suite (mini, full), sizes and parameters
# papers/       every table and figure, declared
# workflow/     rules by phase; scripts call src/actionbytes

import sys

from snakemake.utils import min_version

from actionbytes.errors import UserError
from actionbytes.planning.inventory import stage_files
from actionbytes.planning.plan import Plan
from actionbytes.planning.results import TIERS

min_version("9.20")

if config:  # of --config or --configfile, of which nothing would be read
    print(f"error: {', '.join(config)}: parameters are in params.yaml alone; edit it", file=sys.stderr)
    sys.exit(2)

try:
    plan = Plan.read()
    TABLES, FIGURES, STAGES = list(plan.results.tables), list(plan.results.figures), stage_files(plan)
except UserError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


report: "workflow/report/workflow.rst"  # its text shows these


config.update(suite=plan.config.suite, tier=plan.suite.tier, meaning=TIERS[plan.suite.tier])


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


# The stages of dvc.yaml: all that every table needs, so that nothing that DVC keeps is missing unnoticed.


rule features:
    input:
        settled(STAGES.features),


rule runs:
    input:
        settled(STAGES.runs),


rule tables:
    input:
        as_text(STAGES.tables),


rule figures:
    input:
        expand("results/figures/{figure}.png", figure=FIGURES),


for paper in plan.papers:  # `snakemake stpn`: everything of one paper that is made here
    if plan.results.of_paper(paper):

        rule:
            name:
                paper
            input:
                as_text(plan.results.of_paper(paper)),
