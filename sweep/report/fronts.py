"""The Pareto front of a sweep with several objectives, on the terminal."""

from rich.console import Console

from sweep.report.console import number, table_of
from sweep.store.place import Place
from sweep.store.results import PARAMETER_SETS, read_table

MOST = 10
"""Sets shown, spread over the front; all of them are in `pareto.csv`."""


def show_front(out: Console, folder: Place, name: str, objectives: tuple[str, ...]) -> None:
    """Print the front of a detector, best first by the first objective.

    Parameters
    ----------
    out, folder, name
        Where to, results folder, detector.
    objectives
        Metrics, each with a `-` before it where a smaller one was looked for.
    """
    metrics = [text.removeprefix("-") for text in objectives]
    columns = list(dict.fromkeys(["set_id", "rank", "pareto", "trades", *metrics]))
    table = read_table(folder, PARAMETER_SETS, detector=name, columns=columns)
    rows = table.filter(table["pareto"]).sort_by("rank").to_pylist()
    count = len(rows)
    shown = rows
    if count > MOST:
        shown = [rows[k * (count - 1) // (MOST - 1)] for k in range(MOST)]
    printed = table_of(f"{name}: Pareto front, {count:,} sets", ("set", "trades"))
    for metric in metrics:
        printed.add_column(metric, justify="right", no_wrap=True)
    for row in shown:
        values = (number(row[metric], 3) for metric in metrics)
        printed.add_row(row["set_id"], f"{row['trades']:,}", *values)
    out.print(printed)
