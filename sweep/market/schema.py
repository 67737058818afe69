"""Columns of stored bars, in order."""

import pyarrow as pa

TIMESTAMP = pa.timestamp("ns", tz="UTC")

#: `ts` is the start of the bar, closed left. Nulls: volume, vwap and trades where unknown.
BARS = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("timeframe", pa.string(), nullable=False),
        pa.field("ts", TIMESTAMP, nullable=False),
        pa.field("open", pa.float64(), nullable=False),
        pa.field("high", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),
        pa.field("close", pa.float64(), nullable=False),
        pa.field("volume", pa.float64()),
        pa.field("vwap", pa.float64()),
        pa.field("vwap_basis", pa.string()),
        pa.field("trades", pa.int64()),
        pa.field("phase", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
    ]
)

#: How a vwap came about: from the minutes' vwap, their typical price (h + l + c) / 3, or both.
MINUTE_VWAP, TYPICAL_PRICE, MIXED = "minute_vwap", "typical_price", "mixed"
