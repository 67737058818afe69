"""Check the command line against the composed configuration, before Hydra runs.

All faults are said at once, each on one line with key, value, what is legal and the remedy. A job
whose command line has a fault does nothing and exits with 2.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException

from jobs import credentials, tickers
from jobs.compose import Composer
from jobs.consistency import absent_faults, cross_faults
from jobs.keys import rule_of
from jobs.parameters import section_faults
from jobs.rules import nearest, shown


class Refused(Exception):  # noqa: N818 - the command line was refused, nothing broke
    """The command line cannot be used; `faults` holds one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(tuple(faults))
        self.faults = tuple(faults)


@dataclasses.dataclass(frozen=True)
class Request:
    """One usable override: the text given, the text handed to Hydra, and what it says."""

    given: str
    text: str
    parsed: Override

    @property
    def key(self) -> str:
        """Return the key without prefix and package."""
        return str(self.parsed.key_or_group)


def checked(job: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments that Hydra gets, symbols quoted and open keys forced.

    Parameters
    ----------
    job
        Name of the primary configuration.
    arguments
        Command line without the program's name.

    Raises
    ------
    Refused
        With every fault found.
    """
    flags = get_args_parser().parse_intermixed_args(list(arguments))
    faults = list(_flag_faults(flags))
    if flags.help or flags.hydra_help or flags.shell_completion or flags.info:
        if faults:
            raise Refused(faults)
        return list(arguments)
    requests, found = _parse(flags.overrides)
    faults += found
    try:
        composer = Composer(job, flags.config_dir)
    except ValueError as error:
        raise Refused([*faults, str(error)]) from error
    with composer:
        requests, found = _applicable(requests, composer)
        faults += found
        try:
            config = composer.compose([request.text for request in requests])
            faults += composer.code_faults([request.text for request in requests])
        except HydraException as error:
            raise Refused([*faults, *str(error).splitlines()[:1]]) from error
    faults += _value_faults(config, {request.key: request.given for request in requests})
    if config.get("parameters") == "promoted":
        faults += [
            f"{r.given}: parameters=promoted takes every value from the record; drop one of them"
            for r in requests
            if r.key.startswith("params.")
        ]
    if not flags.cfg:
        faults += absent_faults(config)
    if faults:
        raise Refused(faults)
    replaced = {request.given: request.text for request in requests}
    return [replaced.get(argument, argument) for argument in arguments]


def _flag_faults(flags: Any) -> Iterator[str]:  # noqa: ANN401 - an argparse namespace
    if flags.multirun:
        yield (
            "--multirun: Ray Tune runs the trials; open a range instead, such as " + _SPACE_EXAMPLE
        )
    if flags.config_name or flags.config_path:
        yield (
            "--config-name, --config-path: every job has its one configuration; "
            "overlay it with experiment=<name>, a folder of your own comes in by --config-dir"
        )
    if flags.experimental_rerun:
        yield "--experimental-rerun: give the command again instead, finished work is not repeated"


_SPACE_EXAMPLE = "'space.breakout.volume_surge_min=[uniform,1.2,3.0]'"


def _parse(texts: Sequence[str]) -> tuple[list[Request], list[str]]:
    """Parse every override; what cannot be used on its own becomes a fault."""
    parser = OverridesParser.create()
    requests: list[Request] = []
    faults: list[str] = []
    for given in texts:
        if credentials.looks_secret(given):
            faults.append(credentials.refusal(given))
            continue
        try:
            text = tickers.quoted(given)
            parsed = parser.parse_override(text)
        except ValueError as error:
            faults.append(str(error))
            continue
        except HydraException:
            faults.append(
                f"{given}: cannot be read as key=value; put texts with special characters in "
                "quotes inside the shell's, such as 'search.constraints=[\"trades>=100\"]'"
            )
            continue
        if parsed.is_delete():
            faults.append(f"{given}: a key cannot be removed; where it may be off, null does it")
        elif parsed.is_sweep_override():
            faults.append(
                f"{given}: a list of runs is Hydra's multirun; Ray Tune runs the trials: open a "
                f"range, such as {_SPACE_EXAMPLE}, or write a list as [a,b]"
            )
        elif parsed.package:
            faults.append(
                f"{given}: packages are fixed; write the plain group {parsed.key_or_group}="
            )
        elif re.match(r"hydra([./](sweep|launcher|mode)|$)", parsed.key_or_group):
            faults.append(f"{given}: Ray Tune runs the trials, Hydra's launcher is not used")
        else:
            requests.append(Request(given, text, parsed))
    return requests, faults


def _applicable(
    requests: Sequence[Request], composer: Composer
) -> tuple[list[Request], list[str]]:
    """Split off unknown groups, options and keys; open keys are forced with `++`."""
    faults: list[str] = []
    usable: list[Request] = []
    values: list[Request] = []
    for request in requests:
        if request.key.startswith(("hydra.", "hydra/")):
            usable.append(request)
        elif request.key in composer.groups:
            found = composer.option_faults(request.key, _plain(request.parsed.value()))
            faults += [f"{request.given}: {text}" for text in found]
            if not found:
                usable.append(request)
        else:
            values.append(request)
    try:
        known = composer.compose([request.text for request in usable])
    except HydraException as error:
        raise Refused([*faults, *str(error).splitlines()[:1]]) from error
    leaves = {name for name, _ in flatten(known)}
    for request in values:
        found = list(_key_faults(request, known, composer))
        faults += [f"{request.given}: {text}" for text in found]
        if not found:
            key, _, value = request.text.partition("=")
            # Ranges and weight ratios are open: no file need list them.
            listed = request.key.startswith("params.") and request.key in leaves
            force = request.key.startswith(("space.", "params.")) and not listed
            force &= not key.startswith("+")
            usable.append(
                dataclasses.replace(request, text=f"++{key}={value}" if force else request.text)
            )
    return usable, faults


def _key_faults(request: Request, known: Mapping[str, Any], composer: Composer) -> Iterator[str]:
    """Check that a key exists in this job; a value may be a section given as a mapping."""
    leaves = {name for name, _ in flatten(known)}
    sections = {name.rpartition(".")[0] for name in leaves}
    if request.parsed.is_add() and not request.parsed.is_force_add() and request.key in leaves:
        yield f"the key is there already; write {request.given.removeprefix('+')}"
        return
    group, _, last = request.key.rpartition(".")
    value = _plain(request.parsed.value())
    if last == "kind" and group in composer.groups:
        yield f"chosen by {group}={value}, which brings the keys of that kind"
        return
    for name, _ in flatten(value, request.key):
        yield from section_faults(name, known)
        if name in leaves or name.startswith(("params.", "space.")):
            continue
        if name in sections:
            inside = sorted(
                {leaf[len(name) + 1 :] for leaf in leaves if leaf.startswith(f"{name}.")}
            )
            yield f"{name} is a section with the keys {', '.join(inside)}"
        else:
            yield _unknown(name, leaves, composer)


def _unknown(name: str, leaves: set[str], composer: Composer) -> str:
    """Say of a key that is not there where it is."""
    group = name.partition(".")[0]
    if any(leaf.startswith(f"{group}.") for leaf in leaves):
        choices = composer.choices_with(name, group)
        if choices:
            which = " or ".join(choices)
            return f"a key of {which}, which is not chosen; give that too, or leave this out"
    hint = nearest(name, [*leaves, *composer.groups])
    return f"unknown key{hint}{composer.elsewhere(name)}"


def _value_faults(config: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """Check every value of the composed configuration, those of overlays too."""
    faults = []
    for name, value in flatten(config):
        rule = rule_of(name, config)
        text = "unknown key" if rule is None else rule.fault(value)
        if text is not None:
            faults.append(f"{given.get(name, f'{name}={shown(value)}')}: {text}")
    return faults + list(cross_faults(config))


def flatten(tree: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; an empty mapping yields nothing, a list is a value."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, tree


def _plain(value: object) -> object:
    """Return an override's value as plain Python."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    return value
