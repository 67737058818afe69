import pytest

from sweep.market.symbols import TABLE, Symbol, file_name, from_vendor, lookup, normalise


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I:SPX", "SPX"),
        ("$SPX", "SPX"),
        ("SPXW", "SPX"),
        ("NDXP", "NDX"),
        ("RUTW", "RUT"),
        ("I:TICK", "TICK"),
        ("SPY", "SPY"),
        ("spy", "spy"),
        ("BACpL", "BACpL"),
        ("BRK.B", "BRK.B"),
        ("NA", "NA"),
        ("NAN", "NAN"),
        ("TRUE", "TRUE"),
        ("ON", "ON"),
        ("A", "A"),
    ],
)
def test_normaliser_follows_the_rule_and_keeps_case(text, name):
    assert normalise(text) == name


def test_table_decides_class_ticker_and_proxy():
    assert lookup("SPX") == Symbol("SPX", "INDEX", "I:SPX", proxy="SPY")
    assert lookup("I:NDX").proxy == "QQQ"
    assert lookup("RUT").proxy == "IWM"
    assert lookup("DJI").proxy == "DIA"
    assert lookup("VIX").context
    assert lookup("VIX").proxy is None
    assert lookup("SMH").asset_class == "ETF"
    assert lookup("AAPL").asset_class == "STOCK"
    assert lookup("BACpL").vendor_ticker == "BACpL"
    assert lookup("NVDA", etfs=("NVDA",)).asset_class == "ETF"
    assert len(set(TABLE)) == len(TABLE) == 20


def test_an_index_outside_the_table_does_not_share_a_name_with_a_stock():
    assert lookup("I:TRIN").name == "I:TRIN"
    assert lookup("I:TRIN").asset_class == "INDEX"
    assert lookup("TRIN").asset_class == "STOCK"
    assert lookup(lookup("I:TRIN").name) == lookup("I:TRIN")
    assert from_vendor("I:SPX") == "SPX"
    assert from_vendor("I:TRIN") == "I:TRIN"


@pytest.mark.parametrize("bad", ["../x", "", " SPY", "SPY ", "a/b", "..", ".x", "S\nPY", "S%59"])
def test_what_cannot_be_a_ticker_never_becomes_a_path(bad):
    with pytest.raises(ValueError, match="a symbol starts with a letter or digit"):
        file_name(bad)


def test_option_contracts_are_refused_by_name():
    with pytest.raises(ValueError, match="option contract; give its underlying"):
        lookup("O:SPY251125C00670000")


@pytest.mark.parametrize("value", [True, None, 1.5, float("nan")])
def test_a_value_that_is_no_text_is_refused_with_the_remedy(value):
    with pytest.raises(TypeError, match="a symbol must be text"):
        normalise(value)


def test_file_names_keep_plain_tickers_and_are_unique():
    assert file_name("BACpL") == "BACpL"
    assert file_name("BRK.B") == "BRK.B"
    assert file_name("NA") == "NA"
    assert file_name("I:TRIN") == "I%3ATRIN"
