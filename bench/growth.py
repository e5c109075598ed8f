"""Draw how pages and periodic work grow with the site: 100, 1 000 and 10 000 nodes, each with ten certificates, a hundred events and twenty jobs for each node.

    python -m bench.growth PICTURE.svg [--engine production]
    python -m bench.growth PICTURE.svg FILE.json …           only draws what `bench.pages --json` has written

A line is a page or an API answer, or a function of the periodic work (when it looks again). The slowest ones have their names. Pages have their p95 and work its median. With --cpu, which a busy
machine needs, both have their CPU time. The same figures are printed as tables for the documents.
"""

import argparse
import json
import math
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import percentile
from sitekit.engines import ENGINES
from sitekit.site import ROOT

SIZES, GOAL_MS = (100, 1_000, 10_000), 100
WIDTH, HEIGHT, LEFT, TOP, PLOT, GAP = 1100, 420, 60, 50, 240, 560
LEAST_MS, MOST_MS = 0.1, 100_000
NAMED, LINE_HEIGHT = 8, 15
FIGURES = {"p95_ms": "p95", "cpu_ms": "CPU time"}
STYLE = (
    "svg{--ground:#fff;--ink:#333;--quiet:#667;--grid:#dde;--goal:#c33;--over:#c33;--under:#187a50}"
    "@media(prefers-color-scheme:dark){svg{--ground:#16181d;--ink:#dde;--quiet:#99a;--grid:#334;--goal:#f77;--over:#f77;--under:#5c9}}"
    "rect{fill:var(--ground)}text{font:12px sans-serif;fill:var(--ink)}.title{font-size:15px;font-weight:bold}.quiet{fill:var(--quiet)}"
    "path{fill:none;stroke-width:1.2;stroke:var(--grid)}.goal{stroke:var(--goal)}.over{stroke:var(--over);opacity:.6}.under{stroke:var(--under);opacity:.6}"
)


@dataclass(frozen=True)
class Panel:
    """One plot: its lines by their names, each with its milliseconds by the number of nodes."""

    title: str
    lines: dict[str, dict[int, float]]


def figures(engine: str, folder: Path) -> list[Path]:
    """Measure each size. Returns the files with the figures."""
    files = []
    for nodes in SIZES:
        files.append(folder / f"{nodes}.json")
        command = [sys.executable, "-m", "bench.pages", "--engine", engine, "--nodes", str(nodes), "--json", str(files[-1])]
        subprocess.run(command, cwd=ROOT, check=True)
    return files


def panels(files: list[Path], figure: str) -> list[Panel]:
    """`figure` is the one of pages."""
    pages: dict[str, dict[int, float]] = defaultdict(dict)
    work: dict[str, dict[int, float]] = defaultdict(dict)
    for file in files:
        found = json.loads(file.read_text())
        nodes = found["counts"]["nodes"]
        for page in found["pages"]:
            pages[page["label"]][nodes] = page[figure]
        for part in found["work"]:
            work[part["label"]][nodes] = part["cpu_ms" if figure == "cpu_ms" else "again_ms"]
    return [
        Panel(f"Pages and API answers, {FIGURES[figure]}", pages),
        Panel(f"Periodic work when it looks again, {'CPU time' if figure == 'cpu_ms' else 'median'}", work),
    ]


def _across(nodes: int) -> float:
    return PLOT * (math.log10(nodes) - math.log10(SIZES[0])) / (math.log10(SIZES[-1]) - math.log10(SIZES[0]))


def _down(ms: float) -> float:
    share = (math.log10(max(ms, LEAST_MS)) - math.log10(LEAST_MS)) / (math.log10(MOST_MS) - math.log10(LEAST_MS))
    return (HEIGHT - TOP - 40) * (1 - share)


def _text(across: float, down: float, text: str, **attributes: str) -> str:
    given = "".join(f' {name.strip("_").replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{across:.1f}" y="{down:.1f}"{given}>{escape(text)}</text>'


def _slowest(panel: Panel) -> list[str]:
    """The lines that get their names, the slowest first. Of the views of a list, only the slowest."""
    found: dict[str, str] = {}
    for name in sorted(panel.lines, key=lambda name: -max(panel.lines[name].values())):
        found.setdefault(name.partition("  ")[0], name)
    return [*found.values()][:NAMED]


def _drawn(panel: Panel) -> str:
    parts = [_text(0, -20, panel.title, class_="title")]
    for power in range(round(math.log10(LEAST_MS)), round(math.log10(MOST_MS)) + 1):
        ms = 10.0**power
        goal = ' class="goal"' if ms == GOAL_MS else ""
        parts.append(f'<path{goal} d="M0 {_down(ms):.1f}H{PLOT}"/>')
        parts.append(_text(-6, _down(ms) + 4, f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms", text_anchor="end", class_="quiet"))
    for nodes in SIZES:
        parts.append(
            _text(_across(nodes), _down(LEAST_MS) + 20, f"{nodes:,} nodes".replace(",", " "), text_anchor="middle", class_="quiet")
        )
    for points in panel.lines.values():
        path = "L".join(f"{_across(nodes):.1f} {_down(ms):.1f}" for nodes, ms in sorted(points.items()))
        parts.append(f'<path class="{"over" if max(points.values()) > GOAL_MS else "under"}" d="M{path}"/>')
    lowest = -math.inf
    for name in _slowest(panel):
        ms = panel.lines[name][max(panel.lines[name])]
        lowest = max(_down(ms) + 4, lowest + LINE_HEIGHT)
        parts.append(_text(PLOT + 10, lowest, f"{' '.join(name.split())[:32]}  {ms:.0f} ms"))
    return "\n".join(parts)


def picture(drawn: list[Panel]) -> str:
    groups = "\n".join(
        f'<g transform="translate({LEFT + number * GAP},{TOP})">\n{_drawn(panel)}\n</g>' for number, panel in enumerate(drawn)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n<style>{STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}"/>\n{groups}\n</svg>\n'
    )


def table(panel: Panel) -> str:
    """The slowest lines, and the share of all lines, as a table of Markdown."""
    sizes = sorted({nodes for points in panel.lines.values() for nodes in points})
    rows = [
        [" ".join(name.split()), *(f"{panel.lines[name][nodes]:.0f}" if nodes in panel.lines[name] else "–" for nodes in sizes)]
        for name in _slowest(panel)
    ]
    for words, share in (("half of all are below", 0.5), ("95 % of all are below", 0.95)):
        every = [[points[nodes] for points in panel.lines.values() if nodes in points] for nodes in sizes]
        rows.append([words, *(f"{percentile(found, share):.0f}" for found in every)])
    head = [panel.title + ", ms", *(f"{nodes:,} nodes".replace(",", " ") for nodes in sizes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---", *("--:" for _ in sizes)], *rows])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="Pages and periodic work at 100, 1 000 and 10 000 nodes.")
    parser.add_argument("picture", type=Path)
    parser.add_argument("figures", nargs="*", type=Path, help="files of bench.pages --json. Default: measures now")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    parser.add_argument("--cpu", action="store_true", help="draw CPU time")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        files = given.figures or figures(given.engine, Path(folder))
        drawn = panels(files, "cpu_ms" if given.cpu else "p95_ms")
        given.picture.write_text(picture(drawn))
        print("\n\n".join(map(table, drawn)))


if __name__ == "__main__":
    main()
