"""Symbols on the command line are text as typed: `TRUE`, `NAN`, `ON` and `NULL` are tickers.

Hydra's grammar would make a boolean, a float or nothing of them, so a symbol list is read here and
handed on quoted.
"""

import re

#: Keys of every job that hold symbols.
_LISTS = frozenset({"symbols", "add", "remove", "retry"})

_OTHER_TYPES = {
    "true": "a boolean",
    "false": "a boolean",
    "null": "nothing",
    "none": "nothing",
    "nan": "a number",
    "inf": "a number",
}
_NUMBER = re.compile(r"[+-]?(\d[\d_]*)?\.?\d+([eE][+-]?\d+)?")


def quoted(override: str) -> str:
    """Return an override as Hydra shall read it; only lists of symbols change.

    Raises
    ------
    ValueError
        If the value is no list of symbols, or an element reads as a boolean, number or nothing.
    """
    key, equals, value = override.partition("=")
    if key not in _LISTS or not equals:
        return override
    value = value.strip()
    if value == "all" or (value == "[]" and key != "symbols"):
        return override
    if value.startswith("[") != value.endswith("]") or not value.strip("[] "):
        raise ValueError(f"{override}: must be all or a list of symbols, such as {key}=[SPY,QQQ]")
    if not value.startswith("[") and "," in value:
        raise ValueError(f"{override}: a list stands in brackets: {key}=[{value}]")
    names = [item.strip() for item in value.removeprefix("[").removesuffix("]").split(",")]
    faults = [text for name in names if (text := _fault(name))]
    if faults:
        raise ValueError(f"{override}: {'; '.join(faults)}")
    return f"{key}=[{','.join(_quote(name) for name in names)}]"


def _fault(name: str) -> str | None:
    """Return why an unquoted element is no symbol, None if it may be one."""
    if name[:1] in {"'", '"'}:
        closed = len(name) > 2 and name[0] == name[-1]
        return ticker_fault(name[1:-1]) if closed else f"unbalanced quotes in {name}"
    if not name:
        return "an element is empty"
    if name.lower() in _OTHER_TYPES and name != name.upper():
        kind = _OTHER_TYPES[name.lower()]
        return f"{name} reads as {kind}; the ticker is written {name.upper()} or '{name}'"
    if name == "all":
        return "all stands alone: symbols=all"
    if _NUMBER.fullmatch(name):
        return f"{name} is a number, no symbol; quote it if it is one: '{name}'"
    return ticker_fault(name)


def ticker_fault(name: str) -> str | None:
    """Return why a text cannot be a symbol, None if it can."""
    from sweep.market.symbols import lookup  # noqa: PLC0415 - not needed to print help

    try:
        lookup(name)
    except ValueError as error:
        return str(error)
    return None


def _quote(name: str) -> str:
    bare = name[1:-1] if name[0] in {"'", '"'} else name
    escaped = bare.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
