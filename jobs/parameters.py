"""The sections `params` and `space`, whose keys follow from the detectors in code.

The registry is imported inside functions: `--help` need not wait half a second for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.rules import Number, Rule, nearest


def parameter_rule(name: str) -> Rule | None:
    """Return the rule of `<detector>.<parameter>`, None for an unknown one."""
    from detectors.contract import parameters_of  # noqa: PLC0415 - slow
    from detectors.exits import ExitParams  # noqa: PLC0415 - slow
    from detectors.registry import DETECTORS  # noqa: PLC0415 - slow

    detector, _, parameter = name.partition(".")
    if detector not in DETECTORS:
        return None
    entry = DETECTORS[detector]
    for known in (*entry.parameters, *parameters_of(ExitParams), *entry.ratios):
        if known.name == parameter:
            return Number(*known.legal, unit=known.unit, integer=known.integer)
    return None


def section_faults(name: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a `params` or `space` key is read by nobody in this run."""
    head, _, rest = name.partition(".")
    section, _, parameter = rest.partition(".")
    if head not in {"params", "space"}:
        return
    if head not in config:
        yield "this job has no " + head
        return
    from detectors.registry import DETECTORS, FAMILIES  # noqa: PLC0415 - slow

    chosen = list(config["params"])
    families = {DETECTORS[detector].family for detector in chosen}
    legal = [*chosen, *families, "exit", "factor_weights"] if head == "space" else chosen
    if not parameter:
        yield f"a parameter is set by {head}.<name>.<parameter>"
    elif section in legal:
        known = _parameters_of_section(section)
        if parameter not in known:
            names = ", ".join(known)
            yield f"{section} has no such parameter; it has {names}{nearest(parameter, known)}"
    elif section in DETECTORS or section in FAMILIES:
        names = ", ".join(chosen)
        yield f"{section} is not among the chosen detectors ({names}); add it to detector="
    else:
        names = ", ".join(chosen)
        yield f"no detector is called {section}; chosen are {names}{nearest(section, legal)}"


def _parameters_of_section(section: str) -> list[str]:
    from detectors.contract import parameters_of  # noqa: PLC0415 - slow
    from detectors.exits import ExitParams  # noqa: PLC0415 - slow
    from detectors.registry import DETECTORS, FAMILIES  # noqa: PLC0415 - slow

    if section == "factor_weights":
        return ["ratio"]
    exits = [parameter.name for parameter in parameters_of(ExitParams)]
    if section == "exit":
        return exits
    entry = DETECTORS[FAMILIES.get(section, (section,))[0]]
    own, ratios = ([p.name for p in some] for some in (entry.parameters, entry.ratios))
    return own + exits + ratios


def relation_faults(detector: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the orders between configured parameters that do not hold."""
    from detectors.exits import OPTIONAL, RELATIONS  # noqa: PLC0415 - slow
    from detectors.registry import DETECTORS  # noqa: PLC0415 - slow

    if detector not in DETECTORS:
        return
    for relation in (*DETECTORS[detector].relations, *RELATIONS):
        left, right = values.get(relation.left), values.get(relation.right)
        if isinstance(left, str | None) or isinstance(right, str | None):
            continue
        if left == 0 and relation.left in OPTIONAL:
            continue
        if not (left < right if relation.comparison == "<" else left <= right):
            section = f"params.{detector}"
            yield (
                f"{section}.{relation.left}={left}, {section}.{relation.right}={right}: "
                f"{relation.left} must be {relation.comparison} {relation.right}"
            )


def space_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the searched ranges of the chosen detectors."""
    from detectors.registry import DETECTORS  # noqa: PLC0415 - slow
    from sweep.search.space_faults import space_faults as faults_of  # noqa: PLC0415 - slow

    chosen = [DETECTORS[name] for name in config.get("params", {}) if name in DETECTORS]
    yield from faults_of(chosen, config["space"])
