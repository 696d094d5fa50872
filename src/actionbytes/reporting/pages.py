"""A table as a page of its own, readable offline and on a phone: what Snakemake's report shows."""

from collections.abc import Sequence
from html import escape

from actionbytes.papers.tables import Table
from actionbytes.reporting.inputs import Facts
from actionbytes.reporting.tables import Cells, footnotes, plus_minus

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.2rem; max-width: 75rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; white-space: nowrap; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; text-align: right }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas }
thead tr:last-child, tbody tr:last-child { border-bottom: 1.5px solid }
thead tr:first-child { border-top: 1.5px solid }
thead th[colspan] { text-align: center }
tr.published { opacity: .65; font-style: italic }
tr.published td:first-child { padding-left: 1.8rem }
p.note { opacity: .8; max-width: 50rem }
"""


def as_html(table: Table, cells: Cells, facts: Facts) -> str:
    """The table as the paper lays it out, each row as run here and below it as published; no scripts, no network."""
    groups = "".join(f'<th colspan="{len(column.cells)}">{escape(column.title)}</th>' for column in table.columns)
    heads = "".join(f"<th>{escape(str(cell))}</th>" for column in table.columns for cell in column.cells)
    body = []
    for number, row in enumerate(table.rows):
        values = [cells[number, column.name, cell] for column in table.columns for cell in column.cells]
        if any(v.mean is not None for v in values):
            body.append(_line("run", row.method, [plus_minus(v, " ± ") for v in values]))
        if any(v.paper is not None for v in values):
            printed = ["" if v.paper is None else str(v.paper) for v in values]
            body.append(_line("published", f"{row.method}, published", printed))
    title = f"{table.number} ({facts['paper']})"
    notes = "\n".join(f'<p class="note">{escape(note)}</p>' for note in footnotes(table, cells, facts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(table.caption)}</p>
<div class="wide"><table>
<thead><tr><th></th>{groups}</tr><tr><th>method</th>{heads}</tr></thead>
<tbody>
{chr(10).join(body)}
</tbody>
</table></div>
{notes}
</body>
</html>
"""


def _line(kind: str, name: str, fields: Sequence[str]) -> str:
    values = "".join(f"<td>{escape(field)}</td>" for field in fields)
    return f'<tr class="{kind}"><td>{escape(name)}</td>{values}</tr>'
