"""Where the papers contradict each other or themselves, found by rule from the numbers in `papers/*.yaml`.

Numbers are one when they differ by no more than half a unit of the last digit that the coarser one prints. A result
is told apart by its work, who ran it, dataset, setting, metric, features and cell; only the same result is compared.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

from actionbytes.papers.declared import Paper
from actionbytes.papers.tables import Cell, Column, Row, Table

Papers = Mapping[str, Paper]
CLIFF, CLIFF_POINTS = 2.0, 3.0  # a drop is implausible above this many times the next largest, and this many points
TWIN_CELLS = 3  # so many equal numbers under two names are no chance


class Finding(NamedTuple):
    """One contradiction: what it is about, and what each side says and where."""

    rule: str
    about: str
    where: str  # dataset, setting, metric and cell
    left: str
    left_where: str
    right: str
    right_where: str
    difference: float | None = None
    note: str = ""


class Quote(NamedTuple):
    """A printed number in its place."""

    place: str  # paper and table
    table: Table
    row: Row
    column: Column
    cell: Cell
    value: float

    @property
    def result(self) -> tuple[str | None, ...]:
        """What makes it one result, apart from the cell."""
        row, column = self.row, self.column
        setting = row.setting or column.setting or self.table.setting
        return row.source, row.rerun, column.dataset, setting, column.metric or self.table.metric, row.features

    @property
    def place_in_words(self) -> str:
        """Dataset, setting, metric and cell in words."""
        _, rerun, dataset, setting, metric, features = self.result
        cell = f"@{self.cell:g}" if isinstance(self.cell, float) else f" ({self.cell})"
        more = [part for part in (setting, features, rerun and f"run by {rerun}") if part]
        return f"{dataset} {metric}{cell}" + (f", {', '.join(more)}" if more else "")

    @property
    def doubt(self) -> str:
        """What is written behind a number that nobody has checked against the document."""
        return " (unverified)" if self.row.unverified else ""


def audit(papers: Papers) -> list[Finding]:
    """Every finding of every rule, rule by rule, in the order of the papers' keys; see docs/audit.md for the rules."""
    return [finding for rule in RULES for finding in rule.find(papers)]


def quotations(papers: Papers) -> Iterator[Quote]:
    """All printed numbers of rows that name their work."""
    for paper in papers.values():
        printed = [(f"{paper.name} {table.number}", table) for table in paper.tables.values()]
        for place, table in [*printed, *((table.number, table) for table in paper.elsewhere.values())]:
            for row in table.rows:
                if row.source:
                    for column, cell, value in table.values(row):
                        yield Quote(place, table, row, column, cell, value)


def decimals(value: float) -> int:
    """Digits after the point as declared: 73 has none, 73.0 and 73.00 one."""
    return len(f"{value!r}".partition(".")[2])


def same(left: float, right: float) -> bool:
    """Whether two printed numbers can be one number, printed to different digits."""
    return abs(left - right) <= 0.5 * 10.0 ** -min(decimals(left), decimals(right)) + 1e-9


def quotes(papers: Papers) -> Iterator[Finding]:
    """The same result printed differently: each deviating number against the one that most tables print."""
    results: dict[tuple[object, ...], list[Quote]] = defaultdict(list)
    for quote in quotations(papers):
        results[(*quote.result, quote.cell)].append(quote)
    for group in results.values():
        camps = _camps(group)
        for camp in camps[1:]:
            left, right = camp[0], camps[0][0]
            yield Finding(
                "quotes",
                left.row.method,
                left.place_in_words,
                str(left.value),
                _places(camp),
                str(right.value),
                _places(camps[0]),
                round(abs(left.value - right.value), 4),
            )


def names(papers: Papers) -> Iterator[Finding]:
    """One line of numbers printed under two different works."""
    lines: dict[tuple[object, ...], dict[int, list[Quote]]] = defaultdict(lambda: defaultdict(list))
    for quote in quotations(papers):
        lines[quote.result[1:]][id(quote.row)].append(quote)
    for group in lines.values():
        for first, second in combinations(group.values(), 2):
            if first[0].row.source == second[0].row.source:
                continue
            other = {quote.cell: quote.value for quote in second}
            pairs = [(quote.value, other[quote.cell]) for quote in first if quote.cell in other]
            if len(pairs) >= TWIN_CELLS and all(same(*pair) for pair in pairs):
                numbers = [" ".join(str(pair[side]) for pair in pairs) for side in (0, 1)]
                left, right = first[0], second[0]
                where = f"{left.column.dataset} {left.result[4]}"
                sides = [f"{q.row.method}: {n}" for q, n in zip((left, right), numbers, strict=True)]
                yield Finding("names", left.row.method, where, sides[0], left.place, sides[1], right.place)


def averages(papers: Papers) -> Iterator[Finding]:
    """A printed average that the printed cells do not allow, since mAP never rises with tIoU.

    With every threshold printed, that is their mean; otherwise each missing cell lies between its neighbours.
    """
    for quote, cells, average in _lines(papers):
        thresholds = quote.column.average_over
        if average is None or not cells or min(cells) > thresholds[0] + 1e-9:
            continue
        above = [min(v for t, v in cells.items() if t <= goal + 1e-9) for goal in thresholds]
        below = [max((v for t, v in cells.items() if t >= goal - 1e-9), default=0.0) for goal in thresholds]
        low, high = sum(below) / len(below), sum(above) / len(above)
        slack = 0.5 * 10.0 ** -decimals(average) + 0.5 * 10.0 ** -min(map(decimals, cells.values())) + 1e-9
        if not low - slack <= average <= high + slack:
            says = f"{low:.2f}" if high - low < 1e-9 else f"{low:.2f} to {high:.2f}"
            gap = max(low - average, average - high)
            count = len(cells)
            by = f"mean of its {count} cells" if says == f"{low:.2f}" else f"bounds by its {count} printed cells"
            yield _within("averages", quote, "average", str(average), says, by, round(gap, 4))


def curves(papers: Papers) -> Iterator[Finding]:
    """A row that rises with tIoU, or falls at one of equal steps far more than at any other."""
    for quote, cells, _ in _lines(papers):
        points = sorted(cells.items())
        drops = [(a - b, s, t, a, b) for (s, a), (t, b) in pairwise(points)]
        for drop, s, t, a, b in drops:
            if drop < 0 and not same(a, b):
                yield _within(
                    "curves", quote, f"@{t:g}", str(b), str(a), f"its cell at {s:g}", round(-drop, 4), "rises"
                )
        steps = {round(t - s, 6) for _, s, t, _, _ in drops}
        if len(steps) == 1 and len(drops) >= 4:
            largest, second = sorted(drops, reverse=True)[:2]
            drop, s, t, a, b = largest
            following = second[0]
            if drop > CLIFF * following and drop > CLIFF_POINTS:
                note = f"falls by {drop:.1f} from {s:g} to {t:g}; its next largest step is {following:.1f}"
                yield _within("curves", quote, f"@{t:g}", str(b), str(a), f"its cell at {s:g}", round(drop, 4), note)


def claims(papers: Papers) -> Iterator[Finding]:
    """A number of the text against the printed cells that it speaks of."""
    for paper in papers.values():
        for claim in paper.claims:
            printed = None if claim.table is None else paper.claimed(claim)
            if printed is None or same(claim.value, round(printed, 6)):
                continue
            table = paper.tables[claim.table or ""]
            rows = claim.row if claim.minus is None else f"{claim.row} less {claim.minus}"
            where = f"{claim.column} {table.metric}@{claim.cell}: {rows}"
            left, right = f"{paper.name} {claim.where}", f"{paper.name} {table.number}"
            sides = str(claim.value), left, str(round(printed, 6)), right
            yield Finding("claims", paper.name, where, *sides, round(abs(claim.value - printed), 4), claim.says)


def counts(papers: Papers) -> Iterator[Finding]:
    """How many videos a dataset has, stated differently. What a paper could get and used is its own affair."""
    stated: dict[tuple[str, str, str], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for paper in papers.values():
        for count in paper.counts:
            if count.kind == "stated":
                stated[(count.dataset, count.subset, count.of)][count.value].append(f"{paper.name} {count.where}")
    for (dataset, subset, of), values in stated.items():
        (most, usual), *others = sorted(values.items(), key=lambda item: -len(item[1]))
        for value, places in others:
            sides = str(value), "; ".join(places), str(most), "; ".join(usual)
            yield Finding("counts", dataset, f"{subset} {of}", *sides, abs(value - most))


def protocols(papers: Papers) -> Iterator[Finding]:
    """A result quoted in a table of another evaluation protocol than its own paper used for it."""
    for quote in {(id(q.row), q.column.name): q for q in quotations(papers)}.values():
        quoted, source = quote.row.protocol or quote.table.protocol, papers.get(quote.row.source or "")
        if source is None or quote.row.rerun:
            continue
        original = [
            (table.protocol, f"{source.name} {table.number}")
            for table in source.tables.values()
            if any(row.source == quote.row.source and row.features == quote.row.features for row in table.rows)
            and any(column.dataset == quote.column.dataset for column in table.columns)
            and table.metric == quote.table.metric
        ]
        if not original or "unstated" in (quoted, original[0][0]):
            continue
        if quoted not in [protocol for protocol, _ in original]:
            where = f"{quote.column.dataset} {quote.table.metric}"
            note = "not comparable as they stand"
            yield Finding("protocols", quote.row.method, where, quoted, quote.place, *original[0], None, note)


def slips(papers: Papers) -> Iterator[Finding]:
    """Contradictions in a paper's words and equations, declared by a reader: no rule can compute these."""
    for paper in papers.values():
        for slip in paper.slips:
            yield Finding("slips", paper.name, slip.where, slip.prints, "printed", slip.against, "but")


@dataclass(frozen=True)
class Rule:
    """A rule of the audit.

    Attributes:
        name: What the CSV calls it, so it does not change with the code.
        heading: What it finds, in words.
        find: The findings in all papers.
        wordy: Its sides are too long to stand before their place.
    """

    name: str
    heading: str
    find: Callable[[Papers], Iterator[Finding]]
    wordy: bool = False


RULES = (
    Rule("quotes", "The same result printed differently: each deviating number against the usual one.", quotes),
    Rule("names", "One line of numbers printed under two different works.", names, wordy=True),
    Rule("averages", "A printed average that the printed cells do not allow: mAP never rises with tIoU.", averages),
    Rule("curves", "A row that rises with tIoU, or falls at one of equal steps far more than at any other.", curves),
    Rule("claims", "A number of the text against the printed cells that it speaks of.", claims),
    Rule("counts", "How many videos a dataset has, stated differently.", counts),
    Rule("protocols", "A result quoted in a table of another protocol than its own paper used for it.", protocols),
    Rule("slips", "Contradictions in a paper's words and equations, declared by a reader.", slips, wordy=True),
)


def to_csv(findings: list[Finding]) -> str:
    """The findings as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Finding._fields)
    writer.writerows(findings)
    return text.getvalue()


def to_text(findings: list[Finding]) -> str:
    """The findings to read: rule by rule, each with its two sides below one another."""
    lines = []
    for rule in RULES:
        of_rule = [finding for finding in findings if finding.rule == rule.name]
        if of_rule:
            lines.append(f"{rule.name} ({len(of_rule)}): {rule.heading}")
        for finding in of_rule:
            lines.append(f"  {finding.about}, {finding.where}" + (f"  [{finding.note}]" if finding.note else ""))
            sides = [(finding.left, finding.left_where), (finding.right, finding.right_where)]
            if rule.wordy:
                sides = [(where, says) for says, where in sides]
            width = max(len(first) for first, _ in sides)
            lines += [f"      {first:{width}}  {second}" for first, second in sides]
        lines += [""] * bool(of_rule)
    return "\n".join(lines)


def _camps(group: list[Quote]) -> list[list[Quote]]:
    """Quotes that can be one number stand together; the camp of most tables comes first."""
    camps: list[list[Quote]] = []
    for quote in sorted(group, key=lambda quote: -decimals(quote.value)):
        camp = next((camp for camp in camps if same(camp[0].value, quote.value)), None)
        if camp is None:
            camps.append([quote])
        else:
            camp.append(quote)
    return sorted(camps, key=lambda camp: -len({quote.place for quote in camp}))


def _places(camp: list[Quote]) -> str:
    return "; ".join(dict.fromkeys(quote.place + quote.doubt for quote in camp))


def _lines(papers: Papers) -> Iterator[tuple[Quote, dict[float, float], float | None]]:
    """Each row in one column: the quote of its first cell, its values by tIoU, and its average if one is printed."""
    lines: dict[tuple[int, str], list[Quote]] = defaultdict(list)
    for quote in quotations(papers):
        if quote.column.tiou:
            lines[(id(quote.row), quote.column.name)].append(quote)
    for line in lines.values():
        cells = {quote.cell: quote.value for quote in line if not isinstance(quote.cell, str)}
        yield line[0], cells, next((quote.value for quote in line if quote.cell == "average"), None)


def _within(
    rule: str, quote: Quote, cell: str, left: str, right: str, right_where: str, gap: float, note: str = ""
) -> Finding:
    """A finding inside one row."""
    where = f"{quote.column.dataset} {quote.result[4]} {cell}".replace(" @", "@")
    return Finding(rule, quote.row.method, where, left, quote.place, right, right_where, gap, note)
