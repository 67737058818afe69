"""The pages of the documentation and the job commands in them and in `--help`."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HELPS = sorted((ROOT / "conf" / "hydra" / "help").glob("*.yaml"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [
        text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language
    ]


def commands():
    """Return every job command of the pages and of `--help`, once, as (job, arguments)."""
    found = {}
    texts = [text for page in PAGES for text in blocks(page, "")]
    texts += [file.read_text(encoding="utf-8") for file in HELPS]
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            _, _, command = line.partition("python -m jobs.")
            if command and "shell" not in line and " -sc " not in line:
                words = shlex.split(command, comments=True)
                found[" ".join(words)] = words
    return found
