"""Which tests share a process where the suite runs in several (`make test` takes two).

Tests that need one of the session's servers stay together: each server is started once, and there
is one Ray at a time. A file's other tests stay together for the sake of its fixtures.

Ray's come first, in one process, and compile kernels; the other process begins with what needs
none, so that hardly a kernel is compiled twice.
"""

import pytest
from xdist.scheduler import LoadGroupScheduling

SERVERS = {"ray": "ray_local", "s3": "s3_server", "postgres": "postgres_url"}
"""Group -> fixture of the session that starts its server; a mark of the group's name will do."""

WITHOUT_KERNELS = ("tests/jobs/", "tests/conf/", "tests/store/", "tests/ingest/")


def group_of(item):
    """Return the group of a test that needs a server, else None."""
    found = (
        group
        for group, fixture in SERVERS.items()
        if item.get_closest_marker(group) or fixture in item.fixturenames
    )
    return next(found, None)


def arrange(items):
    """Mark groups, and put the tests into the order in which processes take them."""
    groups = {item: group_of(item) for item in items}
    for item, group in groups.items():
        if group:
            item.add_marker(pytest.mark.xdist_group(group))

    def place(item):
        if groups[item]:
            return list(SERVERS).index(groups[item])
        return len(SERVERS) + (not item.nodeid.startswith(WITHOUT_KERNELS))

    items.sort(key=place)


class GroupsAndFiles(LoadGroupScheduling):
    """Hands out whole groups, then whole files, in the order of the tests."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid):
        return super()._split_scope(nodeid).partition("::")[0]
