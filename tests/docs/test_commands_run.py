"""Every job command that the pages and `--help` name is run, with real servers.

One after the other in this process, on a sample market of 60 sessions: its day files in a folder
and in an S3 server, its last bars behind a REST server, a Postgres for `store=postgres`. Places,
dates and ids become those of the test, searches a few sets; all else stays as it is written. In
60 sessions nothing can hold: a promotion without force is refused, and the tour's is forced.
"""

import datetime as dt
import json
import re

import pytest
from documented import commands
from in_process import run_here

import conf
from sweep.market.calendar import session_table
from tests.rest_server import KEY, RestServer

ORDER = (
    *("sample", "database", "backfill", "coverage", "watch", "gamma"),
    *("backtest", "sweep", "promote", "report"),
)
LAST = dt.date(2024, 12, 31)
FIRST, LATE = (session_table(dt.date(2024, 6, 1), LAST).date[-count].item() for count in (60, 2))
FLAT = "data/sample/flatfiles"
PLACES = (
    (r"source\.root=(/data/flatfiles|flatfiles)$", f"source.root={FLAT}"),
    (r"gamma\.open_interest=.*", f"gamma.open_interest={FLAT}/open_interest.parquet"),
    (r"storage\.root=(/mnt/data|/shared/detector-sweep)$", "storage.root=data"),
    (r"symbols=\[SPY,QQQ,IWM,AAPL\]", "symbols=[SPY,QQQ,AAPL]"),
    (r"\[NVDA\]", "[AAPL]"),
)
"""What is somebody's own in a written command -> what it is here."""
QUEUE = ("storage.root=queue",)
"""Where AMD is on the watchlist: it is in no file, so its entry fails and can be retried."""


class Here:
    """A working directory with a filled store, and the servers that commands name."""

    def __init__(self, folder, s3, rest):
        self.folder, self.s3, self.rest = folder, s3, rest
        self.bucket = f"s3://{s3.BUCKET}/docs"

    def ids(self, root):
        """Return the sweeps below a root that chose a final set, the oldest first."""
        files = (self.folder / root / "results").glob("s*/sweep.json")
        found = []
        for file in sorted(files, key=lambda file: file.stat().st_mtime):
            detectors = json.loads(file.read_text())["detectors"]
            if detectors.get("breakout_bullish", {}).get("chosen", {}).get("final"):
                found.append(file.parent.name)
        return found

    def translated(self, job, words):
        """Return a written command as it can be run here."""
        words = [word for word in words if not word.startswith(("from=", "to=", "days="))]
        for pattern, here in PLACES:
            words = [re.sub(pattern, here, word) for word in words]
        words = [re.sub(r"s3://bucket/prefix", self.bucket, word) for word in words]
        if any(word.startswith("storage.root=s3:") for word in words):
            words.append(f"storage.endpoint={self.s3.endpoint}")
        words += getattr(self, f"_{job}", lambda _: [])(words)
        root = "data/sample" if "storage.root=data/sample" in words else "data"
        ids = iter(self.ids(root)) if job in ("report", "promote") else iter(())
        return [re.sub(r"<sweep_id>|\bs[0-9a-f]{12}\b", lambda _: next(ids), one) for one in words]

    def _sample(self, words):
        if "experiment=sample" in words:
            return ["sample.sessions=60"]
        return ["sample.sessions=2", "source.root=elsewhere/flatfiles"]

    def _backfill(self, words):
        first = LATE if {"source=rest", "source=hybrid"}.intersection(words) else FIRST
        return [f"from={first}", f"to={LAST}", *self._source(words)]

    def _watch(self, words):
        ends = {"list=true", "once=true"}.intersection(words)
        # On an empty watchlist a watcher puts the table of ETFs and indices.
        added = ["add=[SPY]"] if "store=postgres" in words else []
        if "source=hybrid" in words:  # up to today; the sample market ends long before
            added = ["storage.root=watched"]
        if "[AMD]" in " ".join(words):
            added = list(QUEUE)
        return [*added, *([] if ends else ["once=true"]), *self._source(words)]

    def _gamma(self, words):
        return ["symbols=[SPX]"]  # the only options of the sample market are the indices'

    def _promote(self, words):
        tour = "storage.root=data/sample" in words
        return ["detector=breakout_bullish", "force=true", "reason=tour"] if tour else []

    def _source(self, words):
        added = []
        if {"source=s3", "source=hybrid"}.intersection(words):
            added += [f"source.endpoint={self.s3.endpoint}"]
        if {"source=rest", "source=hybrid"}.intersection(words):
            added += [f"source.base_url={self.rest.url}", "source.requests_per_s=100"]
        return added

    def _sweep(self, words):
        grid = "search=grid" in words
        added = [] if any(w.startswith("detector=") for w in words) else ["detector=breakout"]
        added += [f"search.budget={16 if grid else 4}", "ray.workers=1"]
        return added


@pytest.fixture(scope="module")
def here(tmp_path_factory, s3_server, postgres_url, ray_local):
    """The working directory, filled as the first commands of the pages fill it."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch, RestServer() as rest:
        patch.chdir(folder)
        for variable, value in {
            "DATABASE_URL": postgres_url,
            "MASSIVE_API_KEY": KEY,
            "MASSIVE_S3_ACCESS_KEY_ID": s3_server.key,
            "MASSIVE_S3_SECRET_ACCESS_KEY": s3_server.secret,
        }.items():
            patch.setenv(variable, value)
        today = dt.datetime.now(dt.UTC).date()
        for first, last in ((LATE, LAST), (today - dt.timedelta(days=95), today)):
            for day in session_table(first, last).date.tolist():
                for ticker in ("SPY", "QQQ", "AAPL"):
                    rest.put(ticker, day)
        checkout = folder / "checkout"
        (checkout / "conf" / "detector").mkdir(parents=True)
        (checkout / ".git").mkdir()
        (checkout / "pyproject.toml").touch()
        patch.setattr(conf, "__file__", str(checkout / "conf" / "__init__.py"))
        made = Here(folder, s3_server, rest)
        assert run_here("sample", "experiment=sample", "sample.sessions=60") == 0
        s3_server.client().put(f"{FLAT}/", f"{s3_server.BUCKET}/", recursive=True)
        assert run_here("backfill", "experiment=sample") == 0
        assert run_here("backfill", f"source.root={FLAT}", "symbols=[SPY,QQQ,AAPL,SPX,NDX]") == 0
        assert run_here("watch", f"source.root={FLAT}", "add=[AAPL,AMD]", *QUEUE, "once=true") == 1
        yield made


def in_order():
    """Return the written commands as a user's day has them."""
    asked = commands()

    def place(text):
        # The gamma table that later jobs want comes last; `add=` queues a failed symbol anew.
        return ORDER.index(asked[text][0]), "decayed" not in text, "retry=" not in text

    return sorted(asked, key=place)


@pytest.mark.ray
@pytest.mark.parametrize("text", in_order())
def test_every_command_runs(text, here, capfd):
    job, *written = commands()[text]
    arguments = here.translated(job, written)
    code = run_here(job, *arguments)
    said = capfd.readouterr()
    refused = job == "promote" and not {"force=true", "undo=true", "pull=true"} & {*arguments}
    assert code == (1 if refused else 0), f"{arguments}: {(said.out + said.err)[-1500:]}"
    assert ("REFUSED, nothing was changed" in said.out) == refused


def test_a_stop_while_the_report_is_written_costs_no_result(here, capfd, monkeypatch):
    def stopped(_folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("sweep.report.page.write.ensure_report", stopped)
    words = ("storage.root=data", "symbols=[SPY]", "detector=breakout_bullish", "search.budget=4")
    assert run_here("sweep", *words, "ray.workers=1") == 0
    said = capfd.readouterr().out
    assert "no report; the results are complete" in said
    assert said.splitlines()[-1].startswith("SWEEP RESULT status=done sets=4 ")
