"""The search for the first record at or beyond a level, against a look at every one."""

import numpy as np
import pytest

from sweep.engine.eights import LANES
from sweep.engine.first_passage import NEVER, Records, first_reaching


@pytest.mark.plain_python
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 25])
def test_first_record_at_or_beyond_a_level(count):
    rng = np.random.default_rng(count)
    rising = np.cumsum(rng.integers(1, 4, count)).astype(float)
    bars = np.cumsum(rng.integers(1, 4, count))
    another = np.full(LANES, -5.0)  # what follows belongs to the next candidate
    extremes = np.concatenate([another, rising, [np.inf], another])
    at = np.concatenate([np.zeros(LANES), bars, [NEVER], np.zeros(LANES)]).astype(np.int32)
    records = Records(extremes, at)
    for level in np.arange(-1.0, 4.0 * count + 2.0, 0.5):
        reaching = [bar for x, bar in zip(rising, bars, strict=True) if x >= level]
        assert first_reaching(records, LANES, level) == (reaching[0] if reaching else NEVER)
