"""Settings of the option features: fixed for a run, hashed and stored with results."""

import dataclasses
from typing import Literal

SignModel = Literal["naive", "all_short", "none"]
OiSource = Literal["oi_file", "prev_volume", "decayed", "cum_volume", "oi_plus", "chain"]
GexNormalisation = Literal["dollar_volume", "zscore"]
PinSource = Literal["max_pain", "max_oi", "max_gamma"]

CHOICES = {
    "sign_model": ("naive", "all_short", "none"),
    "oi_source": ("oi_file", "prev_volume", "decayed", "cum_volume", "oi_plus", "chain"),
    "gex_normalisation": ("dollar_volume", "zscore"),
    "pin_source": ("max_pain", "max_oi", "max_gamma"),
}


@dataclasses.dataclass(frozen=True)
class OptionSettings:
    """How option features are computed (DETECTORS.md 4). Assumptions, not data: never mixed.

    Attributes
    ----------
    sign_model
        What dealers hold. `naive`: long calls, short puts; `all_short`: short both; `none`: no
        direction.
    oi_source
        Where open interest comes from. `oi_file`: the daily file, end of the day before;
        `prev_volume`, `decayed`: volume of the day before, or of all earlier ones with weights
        falling by `DECAY`; `cum_volume`: today's volume so far; `oi_plus`: file plus a share of
        it; `chain`: recorded snapshots.
    gex_normalisation
        `dollar_volume`: by the underlying's mean dollar volume; `zscore`: against the same minute
        of earlier sessions.
    pin_source
        The strike that pins the nearest expiry.
    """

    sign_model: SignModel = "naive"
    oi_source: OiSource = "oi_file"
    gex_normalisation: GexNormalisation = "dollar_volume"
    pin_source: PinSource = "max_pain"

    def __post_init__(self) -> None:
        """Refuse an unknown choice."""
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )
