"""Measure the report: size, time to write and to open in Chromium: `python -m benchmarks.report`.

The sweep is made up by the tests: one detector with 50,000 sets, and twelve with 500 each.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks._figures import Figure, show

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

NAMES = [f"detector_{k:02d}" for k in range(12)]
OPENINGS = 5


def main() -> None:
    """Measure and print every figure."""
    from made_up_sweep import make_sweep  # noqa: PLC0415 - found by the path set above

    from sweep.report.page.write import write_report  # noqa: PLC0415 - slow

    figures = []
    for what, detectors, sets in (
        ("1 detector, 50,000 sets", NAMES[:1], 50_000),
        ("12 detectors, 500 sets each", NAMES, 500),
    ):
        with tempfile.TemporaryDirectory() as folder:
            made = make_sweep(Path(folder), dict.fromkeys(detectors, "holds"), sets=sets)
            write_report(made)  # imports and caches
            began = time.process_time()
            report = write_report(made)
            written = time.process_time() - began
            megabytes = report.stat().st_size / 1e6
            figures += [
                Figure(f"report of {what}", megabytes, "MB", 15, 5),
                Figure("  to write", written, "CPU s"),
                Figure("  to open", *_opened(report), note="load event, best of 5, wall"),
            ]
    show(figures)


def _opened(report: Path) -> tuple[float | None, str, float, float]:
    """Return the seconds until the page has loaded, with unit and bounds."""
    from report.conftest import FLAGS, chromium_path  # noqa: PLC0415 - as above

    path = chromium_path()
    if path is None:
        return None, "s", 3.0, 1.0
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - needs a browser

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        times = []
        for _ in range(OPENINGS):
            page = browser.new_page()
            page.goto(report.as_uri())
            times.append(page.evaluate(loaded) / 1000)
            page.close()
        browser.close()
    return min(times), "s", 3.0, 1.0


if __name__ == "__main__":
    main()
