"""What the numbers of a report mean, in plain words."""

from markupsafe import Markup

from sweep.report.page.markup import h

TERMS = (
    (
        "R",
        (
            "Net profit over the risk taken at entry (entry to stop). Costs are in every net "
            "number; gross stands beside it."
        ),
    ),
    (
        "Out of sample, stitched",
        (
            "For every fold the set that looked best in sample, on the sessions that choice "
            "never saw, one after the other. It judges the procedure, search and choice "
            "together."
        ),
    ),
    (
        "Final set",
        (
            "The same rule over all folds' in-sample windows. Only it can be promoted; what "
            "it shows on sessions the search saw is in sample."
        ),
    ),
    (
        "Hold-out",
        (
            "The last sessions, never read by a sweep. Promotion looks at them, and counts "
            "its looks."
        ),
    ),
    (
        "Interval, 95 %",
        (
            "By stationary bootstrap: whole sessions drawn again in runs of about five. If it "
            "includes zero, luck alone can explain the result."
        ),
    ),
    (
        "LCB a day",
        (
            "Lower 95 % confidence bound of mean net R per session, the default objective. It "
            "asks for evidence, not for a high average of few trades."
        ),
    ),
    (
        "PBO",
        (
            "Probability of backtest overfitting: split the days in halves in all ways, "
            "choose the best set in one, look at its rank in the other. Above one half "
            "choosing was worse than drawing lots."
        ),
    ),
    (
        "DSR",
        (
            "Deflated Sharpe ratio: the chance that the final set beats the best of so many "
            "tries without any edge. Every set ever tried on these sessions counts."
        ),
    ),
    (
        "SPA p",
        (
            "The chance of a best set this good if none had an edge, over all detectors of "
            "the sweep."
        ),
    ),
    (
        "Break-even win rate",
        (
            "The share of wins at which wins and losses cancel out, given their sizes. A win "
            "rate says nothing without it."
        ),
    ),
    (
        "Three states",
        (
            "A symbol-session was traded, gave no signal, or could not be evaluated, with the "
            "missing input named. Nothing that could not be tested is shown as zero trades."
        ),
    ),
    (
        "Plateau",
        (
            "The median result of the nearest sets. A good set amid bad neighbours is a spike "
            "and will not be there again."
        ),
    ),
)


def glossary_part() -> Markup:
    """Return the terms."""
    return h("dl", (h("div", h("dt", t), h("dd", d)) for t, d in TERMS), class_="glossary")
