"""The verdicts of a sweep on the terminal, read from its `evidence.json`."""

import json
from collections.abc import Mapping
from typing import Any

from sweep.report.console import UNKNOWN, console
from sweep.report.readings import counted, readings, why_no_dsr
from sweep.store.place import Place
from sweep.store.results import EVIDENCE

WORDS = {"holds": "HOLDS", "not_proven": "not proven", "fails": "FAILS"}
READING = (
    "out of sample = each fold's set on sessions it was not chosen by; DSR = chance that the "
    "final set beats the luck of so many tries; PBO = chance that the best set in sample is below "
    "the median out of sample; SPA p = chance of such a best set without any edge, over all "
    "detectors"
)

FEW = 2
"""Up to so many detectors are read out in full, of more only those that hold."""
_LAST = ("holds", "fails")
"""What comes at the end, from the last line up: there a reader of a terminal looks first."""

Evidence = Mapping[str, Any]


def show_verdicts(folder: Place) -> None:
    """Print one line per detector, and a sentence for what keeps it from holding.

    Parameters
    ----------
    folder
        Results folder of a sweep; without `evidence.json` (it is not finished) nothing is printed.
    """
    try:
        text = (folder / EVIDENCE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    out = console()
    out.print()
    detectors = json.loads(text)["detectors"]
    few = len(detectors) <= FEW
    for name, found in sorted(detectors.items(), key=lambda one: _place(one[1])):
        out.print(verdict_line(name, found), soft_wrap=True)
        missed = reasons(found)
        shown = missed if few or len(missed) <= FEW + 1 else missed[:FEW]
        for sentence in shown:
            out.print(f"  {sentence}", soft_wrap=True)
        if len(shown) < len(missed):
            out.print(f"  And {len(missed) - len(shown)} more, in the report.", soft_wrap=True)
        if found["verdict"] == "holds" or few:
            for sentence in readings(found):
                out.print(f"    {sentence}", soft_wrap=True)
    out.print(f"  {READING}", soft_wrap=True)


def holding(folder: Place) -> tuple[str, ...]:
    """Return the detectors that hold, none where nothing was judged."""
    try:
        text = (folder / EVIDENCE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    found = json.loads(text)["detectors"]
    return tuple(name for name, one in found.items() if one["verdict"] == "holds")


def verdict_line(name: str, found: Evidence) -> str:
    """Return verdict and main numbers of one detector, - for what could not be computed."""
    tries, outside = found["tries"], found["out_of_sample"] or {}
    expectancy = outside.get("expectancy_r")
    final = found["final"] or {}
    return (
        f"{name}: {WORDS[found['verdict']]}; out of sample "
        f"{_number(expectancy, 'estimate', '+.3f')} R a trade "
        f"({_number(expectancy, 'low', '+.3f')} to {_number(expectancy, 'high', '+.3f')}), "
        f"{_deflated(final, tries)}, "
        f"PBO {_number(found['overfitting'], 'pbo', '.0%')}, "
        f"SPA p {_number(found['superiority'], 'p_adjusted', '.3f')}, "
        f"tried {tries['sweep']:,} sets here, {tries['ever']:,} ever in "
        f"{counted(tries['sweeps_ever'], 'sweep')}"
    )


def _deflated(final: Evidence, tries: Evidence) -> str:
    if not final:
        return "DSR unknown (no set to judge)"
    why = why_no_dsr(final)
    if why:
        return f"DSR unknown ({why})"
    effective, ever = (_number(final[key], "dsr") for key in ("dsr_effective", "dsr_ever"))
    return f"DSR {effective} ({_count(tries['effective'])} effective) / {ever} (all tries)"


def reasons(found: Evidence) -> list[str]:
    """Return why a detector fails, or the sentences of all criteria it does not meet."""
    if found["verdict"] == "holds":
        return []
    missed = [criterion["sentence"] for criterion in found["criteria"] if not criterion["met"]]
    return [found["summary"]] if found["verdict"] == "fails" else missed


def _place(found: Evidence) -> int:
    verdict = found["verdict"]
    return -_LAST.index(verdict) if verdict in _LAST else -len(_LAST)


def _number(found: Evidence | None, key: str, form: str = ".2f") -> str:
    value = (found or {}).get(key)
    return UNKNOWN if value is None else f"{value:{form}}".replace("%", " %")


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
