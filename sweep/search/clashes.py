"""Choices of a sweep that cannot go together, known before any value or bar is looked at. Pure."""

from sweep.search.spec import FoldKind, ScreeningKind, SearchSettings

_PAST_ADAPTIVE = {
    "folds=combinatorial": ("every session is in sample for some fold", "folds=walk_forward"),
    "screening=halving": ("it learns from sets evaluated in full, few of them", "screening=none"),
}


def clash_faults(search: SearchSettings, folds: FoldKind, screening: ScreeningKind) -> list[str]:
    """List the choices that exclude each other, one sentence each with its remedy."""
    faults = []
    chosen = (f"folds={folds}", f"screening={screening}")
    against = [name for name in chosen if name in _PAST_ADAPTIVE]
    if search.adaptive and against:
        why = " nor with ".join(f"{name} ({_PAST_ADAPTIVE[name][0]})" for name in against)
        instead = " and ".join(_PAST_ADAPTIVE[name][1] for name in against)
        faults.append(
            f"search={search.kind} looks at results and cannot go with {why}; take search=random, "
            f"sobol or grid, or {instead}"
        )
    if screening == "none":
        return faults
    if folds == "combinatorial":
        faults.append(
            "screening=halving, folds=combinatorial: some fold judges every session, so that none "
            "is left to screen on; take folds=walk_forward or folds=split, or screening=none"
        )
    if len(search.objectives) > 1:
        faults.append(
            f"screening=halving keeps sets by one number, got search.objective="
            f"[{','.join(search.objectives)}]; take one of them and constraints on the others, "
            f"or screening=none"
        )
    return faults
