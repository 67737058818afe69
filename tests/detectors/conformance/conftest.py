"""Every test that asks for `detector` runs for every entry of the registry."""

import pytest

from detectors.registry import DETECTORS
from sweep.ingest.backfill import backfill
from sweep.ingest.gamma.build import build_gamma
from sweep.ingest.gamma.spec import GammaSpec
from sweep.ingest.load import load_market
from sweep.ingest.sample import SampleSpec, generate_sample
from sweep.ingest.spec import BackfillSpec

SYMBOLS = ("SPY", "QQQ", "AAPL", "SPX", "NDX")


@pytest.fixture(params=DETECTORS)
def detector(request):
    return DETECTORS[request.param]


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory):
    """Flat files of the sample market: 60 sessions, no edge."""
    root = tmp_path_factory.mktemp("sample") / "flatfiles"
    generate_sample(SampleSpec(root=root))
    return root


def fill(files, store, symbols):
    spec = BackfillSpec(
        source_root=files, storage_root=store, symbols=symbols, timeframes=("1m",), workers=1
    )
    assert backfill(spec).ok


@pytest.fixture(scope="session")
def sample_store(sample_files):
    """Bar store filled from the sample's files, with the gamma tables of its indices."""
    store = sample_files.parent / "store"
    fill(sample_files, store, SYMBOLS)
    interest = sample_files / "open_interest.parquet"
    spec = GammaSpec(sample_files, store, ("SPX", "NDX"), open_interest=interest)
    assert build_gamma(spec).ok
    return store


@pytest.fixture(scope="session")
def index_store(sample_files):
    """Bar store that holds an index and nothing that could lend it volume."""
    store = sample_files.parent / "index-only"
    fill(sample_files, store, ("SPX",))
    return store


@pytest.fixture(scope="session")
def sample(sample_store):
    """The sample market, loaded as backtests and sweeps do."""
    return load_market(sample_store, SYMBOLS, first=None, last=None, bar_minutes=(5, 15))


@pytest.fixture
def sample_data(sample, detector):
    """Symbols of the sample market on which the detector runs."""
    return [
        data
        for (_, minutes), data in sample.data.items()
        if minutes == detector.signal_minutes and data.asset_class in detector.asset_classes
    ]
