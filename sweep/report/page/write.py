"""Put the parts of a page together and write it: one file, no network."""

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib import resources

from markupsafe import Markup

from sweep.report.page.about_part import configuration_part, coverage_part
from sweep.report.page.detector_part import detector_part
from sweep.report.page.glossary_part import glossary_part
from sweep.report.page.leaderboard_part import leaderboard, leaderboard_rows
from sweep.report.page.markup import h
from sweep.report.page.session_bars import browser_data
from sweep.report.page.source import SweepFolder
from sweep.report.page.trade_part import trade_part
from sweep.report.page.verdict_part import by_verdict, facts, headline, tried, verdict_table
from sweep.store.place import Place
from sweep.store.results import REPORT, SWEEP, Results

_ASSETS = ("report.css", "report.js")
Part = tuple[str, str, Markup | None]
"""Anchor, heading, content."""


def write_report(folder: Place) -> Place:
    """Write `report.html` of a sweep into its results folder.

    Parameters
    ----------
    folder
        `<storage.root>/results/<sweep_id>`.

    Returns
    -------
    Place
        The file.

    Raises
    ------
    ValueError
        If the folder holds no sweep.
    """
    sweep = SweepFolder(folder)
    storage_root = folder.parent.parent
    rows = leaderboard_rows(sweep)
    detectors = [detector_part(sweep, name) for name in by_verdict(sweep)]
    parts: list[Part] = [
        ("leaderboard", "Leaderboard", leaderboard(sweep, rows)),
        ("detectors", "Detectors", h("div", _picker(sweep), detectors, class_="detectors")),
        ("browser", "Trades", trade_part(browser_data(sweep, storage_root))),
        ("coverage", "Data", coverage_part(sweep, storage_root)),
        ("configuration", "Configuration", configuration_part(sweep)),
        ("glossary", "What the numbers mean", glossary_part()),
    ]
    head = [
        h("p", f"Sweep {sweep.name}", class_="kicker"),
        h("h1", headline(sweep)),
        h("p", tried(sweep), class_="lead"),
        facts(sweep),
        verdict_table(sweep),
    ]
    text = page(f"Sweep {sweep.name}", head, parts, state=_state(folder))
    results = Results(storage_root, folder.name)
    results.write_text(REPORT, text)
    return results.path / REPORT


def ensure_report(folder: Place) -> Place:
    """Write the report of a sweep, unless there is one of the sweep as it stands."""
    report = folder / REPORT
    if report.exists() and f'content="{_state(folder)}"' in report.read_text(encoding="utf-8"):
        return report
    return write_report(folder)


def _state(folder: Place) -> str:
    """Return a text that changes with the sweep and with what pages are made of."""
    sweep = SweepFolder(folder)
    seen = f"{sweep.seen} {sweep.stale}".encode()
    parts = [(folder / SWEEP).read_bytes(), seen, _made_by()]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


@functools.cache
def _made_by() -> bytes:
    """Return the code and the assets of pages, so that a newer version makes them anew."""
    report = resources.files("sweep.report")
    files = [
        file
        for folder in (report, report / "page")
        for file in folder.iterdir()
        if file.name.endswith((".py", ".css", ".js"))
    ]
    return b"".join(file.read_bytes() for file in sorted(files, key=lambda one: one.name))


def _picker(sweep: SweepFolder) -> Markup:
    links = [h("li", h("a", name, href=f"#d-{name}")) for name in by_verdict(sweep)]
    return h("nav", h("ul", links), class_="picker", aria_label="Detectors")


def page(title: str, head: Sequence[Markup], parts: Sequence[Part], *, state: str = "") -> str:
    """Return a whole page; scripts and styles are inside it, and nothing else may run.

    Parameters
    ----------
    title
        Of the window.
    head
        The first screen.
    parts
        Sections; those without content are left out.
    state
        Of what the page tells.
    """
    style, script = (_asset(name) for name in _ASSETS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    shown = [(anchor, text, content) for anchor, text, content in parts if content is not None]
    links = [("verdict", "Verdict"), *((anchor, text) for anchor, text, _ in shown)]
    body = h(
        "body",
        h("a", "Skip to the result", href="#verdict", class_="skip"),
        h(
            "header",
            h(
                "nav",
                h("ul", (h("li", h("a", text, href=f"#{anchor}")) for anchor, text in links)),
                aria_label="Sections",
            ),
            h("button", "Dark", type="button", id="theme", aria_pressed="false"),
            class_="bar-top",
        ),
        h(
            "main",
            h("section", *head, id="verdict", class_="first"),
            (
                h("section", h("h2", text), content, id=anchor, class_="part")
                for anchor, text, content in shown
            ),
        ),
        h("footer", h("p", "Made by detector-sweep. Past results, not advice.")),
        h("div", id="tip", role="presentation", hidden=True),
        h("script", Markup(script)),  # noqa: S704 - our own file
    )
    headers = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="sweep-state", content=state),
        h("meta", name="color-scheme", content="light dark"),
        h("title", title),
        h("style", Markup(style)),  # noqa: S704 - our own file
    )
    return "<!doctype html>\n" + str(h("html", headers, body, lang="en")) + "\n"


def _asset(name: str) -> str:
    return resources.files("sweep.report.page").joinpath(name).read_text(encoding="utf-8")
