"""A real browser for the report: headless Chromium, wherever the machine has it."""

import os
import shutil

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path():
    """Return the browser: DETECTOR_SWEEP_CHROMIUM, else one on the path, else None."""
    named = os.environ.get("DETECTOR_SWEEP_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for all tests of the session."""
    path = chromium_path()
    if path is None:
        pytest.skip(
            f"no Chromium on this machine (looked for {', '.join(NAMES)}); apt-get install "
            "chromium, or name one by DETECTOR_SWEEP_CHROMIUM"
        )
    # Late: the driver takes a moment to import, and needs a browser.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()
