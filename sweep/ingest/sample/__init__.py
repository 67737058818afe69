"""Generate the sample market: flat files in the vendor's layout, with or without a planted edge.

Seeded and exact: minutes are martingales except for the drift that `edge="planted"` asks for.
"""

from sweep.ingest.sample.generate import generate_sample
from sweep.ingest.sample.spec import Planted, SampleReport, SampleSpec

__all__ = ["Planted", "SampleReport", "SampleSpec", "generate_sample"]
