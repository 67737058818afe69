"""What a result costs, what costs may rise to, and how much the fill rules decide."""

import pyarrow.compute as pc
from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import percent, plain, signed
from sweep.report.page.source import PARAM, SweepFolder


def costs(sweep: SweepFolder, name: str) -> Markup:
    """Return gross and net, what costs may rise to, and what ambiguous exits change."""
    about = sweep.detectors[name]
    outside = sweep.evidence.get(name, {}).get("out_of_sample") or {}
    final, metrics = about["chosen"]["final"], about["configured"]["metrics"]
    if final:
        sets = sweep.sets(name)
        row = sets.filter(pc.equal(sets["set_id"], final)).to_pylist()[0]
        metrics = {key: value for key, value in row.items() if not key.startswith(PARAM)}
    get = metrics.get
    rows = [
        ("Gross, before costs", signed(get("expectancy_gross_r")), "R a trade"),
        ("Costs", signed(-get("cost_r") if get("cost_r") is not None else None), "R a trade"),
        ("Net", signed(get("expectancy_r")), "R a trade"),
        ("Costs that eat all of it", plain(get("breakeven_cost_bps"), 1), "bp a side, in sample"),
        ("The same out of sample", plain(outside.get("cost_breakeven_bps"), 1), "bp a side"),
        ("Paid out of sample", plain(outside.get("cost_paid_bps"), 2), "bp a side"),
        ("Ambiguous exits", percent(get("ambiguous_frac")), "one minute touched stop and target"),
        ("Net if the stop came first", signed(get("expectancy_r")), "R a trade, as shown above"),
        ("Net if the target came first", signed(get("expectancy_target_first_r")), "R a trade"),
        ("Five best trades", percent(get("best5_share"), 0), "of the total"),
    ]
    table_rows = [
        h("tr", h("th", a, scope="row"), h("td", b, class_="num"), h("td", c, class_="faint"))
        for a, b, c in rows
    ]
    whose = "final set" if final else "configured set; no set was chosen"
    return h(
        "div",
        h("h4", f"Costs and fills, {whose}"),
        table("Costs and fills", None, table_rows),
        class_="figure",
    )
