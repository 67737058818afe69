"""What a cluster says of itself and what it costs: metrics, the same sweep on 1, 2, 4 nodes."""

import re
import time

from benchmarks.reliability._bench import MARK, ROOT, SETS, results_of
from sweep.search.pulse import COUNTERS, GAUGES


def metrics(bench):
    """Scrape every node while a sweep runs; the names of the guide are there, and no others."""
    root = bench.fresh()
    name = bench.start(root, block=1)
    bench.until(root, MARK)
    guide = documented((ROOT / "docs" / "cluster.md").read_text())
    # A counter is there from its first count on.
    sure = guide - {f"ray_{one}_total" for one in COUNTERS if not one.endswith("_sweep_sets")}
    deadline = time.monotonic() + 120
    while True:
        text = "".join(bench.lab.metrics(node) for node in bench.lab.nodes)
        there = set(re.findall(r"^(ray_\w+)(?:\{| )", text, re.MULTILINE))
        if sure <= there or time.monotonic() > deadline:
            break
        time.sleep(2)
    bench.done(name)
    ours = {one for one in there if one.startswith("ray_detector_sweep_")}
    assert sure <= there, f"documented, not exported: {sorted(sure - there)}"
    assert ours <= guide, f"exported, not documented: {sorted(ours - guide)}"
    sweep = results_of(root).name
    # Drivers of cases before, of the same id, are exported for a while.
    found = re.findall(
        rf'^ray_detector_sweep_sets_total{{.*sweep="{sweep}".*}} (\S+)', text, re.MULTILINE
    )
    sets = min(map(float, found), default=0.0)
    assert 0 < sets <= 2 * SETS, found
    return f"{len(sure)} documented names scraped in mid-sweep, at {sets:.0f} sets"


def documented(guide):
    """Return the names of metrics in the guide."""
    found = set()
    for line in guide.splitlines():
        if line.startswith("| `ray_"):
            names = re.findall(r"`(ray_\w+|\.\.\._\w+)[`{]", line)
            found |= {one.replace("...", "ray_detector_sweep") for one in names}
    assert len(found) == len(COUNTERS) + len(GAUGES) + 1, found
    return found


def scaling(bench):
    """Run the same sweep on 1, 2 and 4 nodes of this machine: what nodes cost, no speed-up."""
    said = []
    for count in (1, 2, 4):
        bench.lab.have_workers(count)
        root = bench.fresh()
        asked, rays = bench.lab.s3.requests.copy(), bench.lab.busy("h")
        bench.done(bench.start(root, block=1))  # long enough for times in whole seconds
        busy = {what: s - rays[what] for what, s in bench.lab.busy("h").items()}
        asked = bench.lab.s3.requests - asked
        bench.same(root)
        parts = f"{bench.s3.BUCKET}/{root.key}/results/s*/parts/sets/*"
        listed = bench.s3.client().glob(parts, detail=True).values()
        ended = sorted(one["LastModified"] for one in listed)
        rate = (len(ended) - 1) / max((ended[-1] - ended[0]).total_seconds(), 1e-3)
        requests = ", ".join(f"{number} {verb}" for verb, number in sorted(asked.items()))
        on_head = ", ".join(f"{what} {s:.1f} s" for what, s in sorted(busy.items()))
        said.append(
            f"{count} nodes: {rate:.1f} blocks/s of {len(ended)}; S3: {requests}; head: {on_head}"
        )
    bench.lab.have_workers(2)
    return "\n           ".join(said)
