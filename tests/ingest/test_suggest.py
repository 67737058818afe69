"""What is not stored is refused with the command that fills it, ready for a shell."""

import datetime as dt
import shlex

import pytest
from walk_store import write_minutes

from jobs.compose import Composer
from jobs.overrides import checked
from sweep.ingest.load import load_market
from sweep.ingest.suggest import DEFAULT_ROOT, backfill_command, nearest
from sweep.store.place import place

FIRST, LAST = dt.date(2024, 1, 8), dt.date(2024, 1, 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((DEFAULT_ROOT,), []),
        ((f"{DEFAULT_ROOT}/", ["SPY", "QQQ"]), ["symbols=[SPY,QQQ]"]),
        (("store", ["SPY"], FIRST), ["symbols=[SPY]", "from=2024-01-08", "storage.root=store"]),
        (("my store", (), None, LAST), ["to=2024-01-12", "storage.root=my store"]),
        (
            (place("s3://b/p", endpoint="http://127.0.0.1:9000", region="eu-west-1"), ["SPY"]),
            [
                "symbols=[SPY]",
                "store=postgres",
                "storage.root=s3://b/p",
                "storage.endpoint=http://127.0.0.1:9000",
                "storage.region=eu-west-1",
            ],
        ),
    ],
)
def test_the_command_names_what_it_must_and_no_more(arguments, words, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/sweeps")
    monkeypatch.setenv("MASSIVE_API_KEY", "key")
    command, remark = backfill_command(*arguments).split(" (FOLDER has your day files; ")
    typed = shlex.split(command)
    assert typed == ["python", "-m", "jobs.backfill", "source.root=FOLDER", *words]
    by_rest = remark.removeprefix("without any, ").removesuffix(" in its place)").split()
    (tmp_path / "us_stocks_sip").mkdir()
    for source in ([f"source.root={tmp_path}"], by_rest):  # what is printed passes every check
        checked("backfill", [*source, *typed[4:]])


def test_the_default_root_is_that_of_the_configuration():
    with Composer("backfill") as composer:
        assert composer.compose([])["storage"]["root"] == DEFAULT_ROOT


def test_the_same_letters_come_first():
    assert nearest("bacpl", ["BACPLX", "BACpL"])[0] == "BACpL"
    assert nearest("IWM", ["SPY", "QQQ"]) == ()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    write_minutes(root, "SPY", 1)
    return root


def refusal(store, *symbols, first=FIRST, last=LAST):
    with pytest.raises(ValueError, match="no bars of") as no:
        load_market(store, symbols, first=first, last=last, bar_minutes=(15,))
    return str(no.value)


def test_a_symbol_that_is_not_stored_is_named_with_its_neighbour_and_the_command(store):
    text = refusal(store, "SPYY")
    assert (
        "holds SPY; did you mean SPY? Fill it with: python -m jobs.backfill source.root=FOLDER"
        in text
    )
    assert f"'symbols=[SPYY]' from=2024-01-08 to=2024-01-12 storage.root={store}" in text
    assert "did you mean" not in refusal(store, "IWM")


def test_a_stored_symbol_is_not_suggested_for_itself(store):
    days = {"first": dt.date(2019, 1, 7), "last": dt.date(2019, 1, 11)}
    assert "did you mean" not in refusal(store, "SPY", **days)
