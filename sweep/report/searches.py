"""What adaptive searches gained over random sets, on the terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from sweep.report.console import number, table_of


def show_searches(out: Console, name: str, searches: Sequence[Mapping[str, Any]]) -> None:
    """Print each adaptive search of a detector beside its random baseline; nothing for a pool.

    Parameters
    ----------
    out
        Where to.
    name
        Detector.
    searches
        `searches` of the detector in `sweep.json`.
    """
    if not searches:
        return
    table = table_of(f"{name}: searches beside random sets", ("search",))
    for column in ("sets", "random", "best", "random", "gain", "OOS R/day", "random"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in searches:
        table.add_row(
            row["search"],
            f"{row['sets']:,}",
            f"{row['random_sets']:,}",
            *(number(row[key], 3) for key in ("best", "random_best", "gain")),
            *(
                number(row[key], 3)
                for key in ("out_of_sample_mean_r", "random_out_of_sample_mean_r")
            ),
        )
    out.print(table)
    out.print(f"  {summary(searches)}", soft_wrap=True)


def summary(searches: Sequence[Mapping[str, Any]]) -> str:
    """Say in one sentence what the searches gained, in sample and out of it."""
    gains = [row["gain"] for row in searches if row["gain"] is not None]
    pairs = [
        (row["out_of_sample_mean_r"], row["random_out_of_sample_mean_r"])
        for row in searches
        if row["out_of_sample_mean_r"] is not None
    ]
    inside = sum(gains) / len(gains) if gains else math.nan
    comparable = f"({len(gains)} of {len(searches)} comparable)"
    parts = [
        f"beside as many random sets: {_signed(inside)} of the objective in sample {comparable}"
    ]
    if pairs:
        difference = sum(own - rival for own, rival in pairs) / len(pairs)
        parts.append(
            f"{_signed(difference)} R a session of the chosen sets out of sample, mean of "
            f"{len(pairs)} folds"
        )
    return ", ".join(parts)


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.3f}"
