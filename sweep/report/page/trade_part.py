"""The trade browser: a list to page through and the session around each trade."""

from typing import Any

from markupsafe import Markup

from sweep.report.page.markup import h, table
from sweep.report.page.scales import count
from sweep.report.page.session_bars import packed

HEADS = (
    ("Session", "text"),
    ("Detector", "text"),
    ("Symbol", "text"),
    ("Side", "text"),
    ("Entry, New York", "num"),
    ("Net R", "num"),
)


def trade_part(data: dict[str, Any]) -> Markup:
    """Return the browser's frame and its data; `report.js` fills it."""
    if not data["shown"]:
        return h("p", "No trades were recorded.", class_="faint")
    left = "" if data["shown"] == data["total"] else f" of {count(data['total'])}"
    note = (
        f"{count(data['shown'])}{left} trades of the chosen and configured sets, all outside the "
        "hold-out. Choose a row, or go on with the arrow keys while a row has the focus."
    )
    filters = [
        h("label", h("span", text), h("select", id=f"t-{name}"))
        for name, text in (
            ("detector", "Detector"),
            ("role", "Set"),
            ("symbol", "Symbol"),
            ("order", "Order"),
        )
    ]
    chart = h(
        "div",
        id="t-chart",
        class_="trade-chart",
        role="group",
        aria_label="Chosen trade",
        aria_live="polite",
    )
    return h(
        "div",
        h("p", note, class_="faint"),
        h("p", "The trade browser needs JavaScript.", class_="no-script"),
        h("form", filters, class_="filters"),
        h("div", _list(), chart, class_="browser"),
        h("script", packed(data), type="text/plain", id="trade-data"),
    )


def _list() -> Markup:
    """Return the empty list of trades and its pager."""
    heads = h("tr", (h("th", text, scope="col", class_=kind) for text, kind in HEADS))
    shown = table("Trades", heads, (), kind="trades", name="trades")
    pager = h(
        "div",
        h("button", "Earlier", type="button", id="t-back"),
        h("span", id="t-page", class_="num", role="status"),
        h("button", "Later", type="button", id="t-next"),
        class_="pager",
    )
    return h(
        "div",
        shown,
        pager,
    )
