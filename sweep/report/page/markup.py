"""HTML and SVG out of Python values; every text and attribute is escaped on its way in."""

from collections.abc import Iterable

from markupsafe import Markup, escape

Child = object
"""A text or number (escaped), a `Markup` (taken as it is), None (nothing), or an iterable."""

_VOID_HTML = frozenset({"br", "input", "meta", "wbr"})
_VOID = _VOID_HTML | {"circle", "line", "path", "rect"}


def h(name: str, /, *children: Child, **attributes: object) -> Markup:
    """Return one element.

    Parameters
    ----------
    name
        Tag.
    children
        See `Child`.
    attributes
        Names lose a trailing underscore, other underscores become hyphens; None and False leave
        the attribute out, True writes its bare name.
    """
    opened = f"<{name}" + "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID and not children:
        return Markup(opened + (">" if name in _VOID_HTML else "/>"))  # noqa: S704 - escaped
    return Markup(f"{opened}>{join(children)}</{name}>")  # noqa: S704 - escaped here and in `join`


def table(
    title: str, head: Child, rows: Child, *, kind: str = "", name: str = "", tall: bool = False
) -> Markup:
    """Return a table that scrolls by itself where it is too wide; the title is for screen readers.

    Parameters
    ----------
    title
        What it shows.
    head
        Row of heads, None for none.
    rows
        Rows of the body.
    kind, name
        Class and id of the table.
    tall
        Whether it scrolls up and down too.
    """
    made = h(
        "table",
        h("caption", title, class_="hidden"),
        None if head is None else h("thead", head),
        h("tbody", rows),
        class_=kind or None,
        id=name or None,
    )
    scroll = "scroll tall" if tall else "scroll"
    return h("div", made, class_=scroll, tabindex="0", role="group", aria_label=title)


def breakable(name: str) -> Markup:
    """Return a name of the tables that may go on in a new line after each underscore."""
    first, *others = name.split("_")
    return join([first, *(("_", h("wbr"), part) for part in others)])


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def join(children: Iterable[Child]) -> Markup:
    """Return children one after the other, escaped."""
    return Markup("".join(_flat(children)))  # noqa: S704 - `_flat` escapes


def _flat(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup | str | int | float):
            yield escape(child)
        elif isinstance(child, Iterable):
            yield from _flat(child)
        else:
            yield escape(str(child))
