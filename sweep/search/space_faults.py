"""What may be wrong with a search space, all of it at once, one sentence each. Pure.

A sentence has the key, the value, the nearest legal name and what to write instead.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from detectors.contract import Detector, Parameter, parameters_of
from detectors.exits import ExitParams
from detectors.registry import DETECTORS, FAMILIES
from sweep.engine.sets import every_parameter

FORMS: dict[str, str] = {
    "uniform": "[uniform, low, high]",
    "loguniform": "[loguniform, low, high]",
    "int": "[int, low, high]",
    "logint": "[logint, low, high]",
    "step": "[step, low, high, step]",
    "choice": "[choice, value, value, ...]",
}
"""Kinds of ranges and how each is written."""

WEIGHTS = "factor_weights"
"""Section whose one entry, `ratio`, opens the weight ratios of all factors."""

_MOST_VALUES = 10_000


def space_faults(detectors: Sequence[Detector], sections: Mapping[str, object]) -> list[str]:
    """List what is wrong with sections, one sentence each with key, value and remedy.

    Sections of detectors and families that are not swept are not read, unless nobody has that
    name.
    """
    faults: list[str] = []
    for section, entries in sections.items():
        known = _known(section, detectors)
        if known is None:
            names = (*DETECTORS, *FAMILIES, "exit", WEIGHTS)
            if section not in names:
                faults.append(f"space.{section}: no detector or family{_nearest(section, names)}")
            continue
        if not isinstance(entries, Mapping):
            faults.append(f"space.{section}: must map parameters to ranges, got {entries!r}")
            continue
        for name, value in entries.items():
            key = f"space.{section}.{name}"
            if name in known:
                faults += _dimension_faults(key, value, known[name])
            else:
                faults.append(
                    f"{key}: {section} has no such parameter{_nearest(str(name), known)}"
                )
    return faults


def _known(section: str, detectors: Iterable[Detector]) -> dict[str, Parameter] | None:
    """Return the parameters that may stand in a section, None where it is not read."""
    if section == "exit":
        return {p.name: p for p in parameters_of(ExitParams)}
    for detector in detectors:
        if section == WEIGHTS:
            return {"ratio": detector.ratios[0]}
        if section in (detector.name, detector.family):
            return {p.name: p for p in every_parameter(detector)}
    return None


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f" (did you mean '{found[0]}'?)" if found else f"; there are: {', '.join(names)}"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond all floats
        return None


def _dimension_faults(key: str, value: object, parameter: Parameter) -> list[str]:
    if isinstance(value, list | tuple):
        return _range_faults(key, value, parameter)
    number = _number(value)
    if number is None:
        return [f"{key}: must be a finite number or a range, got {value!r}{_remedy(value)}"]
    return _value_faults(key, [number], parameter)


def _remedy(value: object) -> str:
    if isinstance(value, str):
        try:
            return f"; that is text, write the number {float(value)!r} without quotes"
        except ValueError:
            return f"; a range is a list, such as {FORMS['uniform']}"
    if isinstance(value, Mapping):
        return f"; a range is a list, such as {FORMS['uniform']}"
    return ""


def _range_faults(key: str, value: Sequence[object], parameter: Parameter) -> list[str]:
    kind = value[0] if value else None
    if not isinstance(kind, str) or kind not in FORMS:
        hint = _nearest(kind, FORMS) if isinstance(kind, str) else f"; kinds: {', '.join(FORMS)}"
        return [f"{key}: unknown kind {kind!r} in {list(value)!r}{hint}"]
    numbers = [_number(argument) for argument in value[1:]]
    wrong = [repr(v) for v, n in zip(value[1:], numbers, strict=True) if n is None]
    if wrong:
        return [f"{key}: {kind} takes finite numbers, got {', '.join(wrong)}; write {FORMS[kind]}"]
    arguments = [number for number in numbers if number is not None]
    if kind == "choice":
        return _choice_faults(key, arguments, parameter)
    if len(arguments) != FORMS[kind].count(","):
        return [f"{key}: write {FORMS[kind]}, got {list(value)!r}"]
    return _interval_faults(key, kind, arguments, parameter)


def _choice_faults(key: str, choices: list[float], parameter: Parameter) -> list[str]:
    if not choices:
        return [f"{key}: choice needs at least one value; write {FORMS['choice']}"]
    twice = sorted({c for c in choices if choices.count(c) > 1})
    repeated = [f"{key}.choice: {c:g} stands there more than once; list it once" for c in twice]
    return repeated + _value_faults(f"{key}.choice", choices, parameter)


def _interval_faults(
    key: str, kind: str, arguments: list[float], parameter: Parameter
) -> list[str]:
    low, high = arguments[:2]
    key = f"{key}.{kind}"
    if low >= high:
        same = " (write the number alone to fix it)" if low == high else ""
        return [f"{key}: low {low:g} must be below high {high:g}{same}"]
    faults = _value_faults(key, [low, high], parameter)
    if kind in ("loguniform", "logint") and low <= 0:
        faults.append(f"{key}: a logarithmic range must begin above 0, got {low:g}; use a linear")
    if kind in ("int", "logint") and not (low.is_integer() and high.is_integer()):
        faults.append(f"{key}: ends must be whole numbers, got {low:g} and {high:g}")
    if kind == "step":
        faults += _step_faults(key, low, high, arguments[2], parameter)
    return faults


def _step_faults(
    key: str, low: float, high: float, step: float, parameter: Parameter
) -> list[str]:
    if step <= 0:
        return [f"{key}: the step must be above 0, got {step:g}"]
    count = (high - low) / step
    if abs(count - round(count)) > 1e-9 * max(1.0, count):
        last = low + math.floor(count) * step
        text = f"step {step:g} does not divide {low:g} to {high:g}"
        return [f"{key}: {text}; end at {last:g} or {last + step:g}"]
    if count >= _MOST_VALUES:
        return [f"{key}: {count + 1:,.0f} values are more than {_MOST_VALUES:,}; use uniform"]
    if parameter.integer and not step.is_integer():
        return [f"{key}: {parameter.name} takes whole numbers, got step {step:g}"]
    return []


def _value_faults(key: str, values: Sequence[float], parameter: Parameter) -> list[str]:
    low, high = parameter.legal
    faults = [
        f"{key}: {value:g} is outside the legal {low:g} to {high:g} {parameter.unit}"
        for value in values
        if not low <= value <= high
    ]
    if parameter.integer:
        faults += [
            f"{key}: {parameter.name} takes whole numbers of {parameter.unit}, got {value:g}"
            for value in values
            if not value.is_integer()
        ]
    return faults
