import io
import json
import logging

import pytest

from sweep.report import json_lines
from sweep.report.console import console
from sweep.report.progress import Reporter


@pytest.fixture
def lines(monkeypatch):
    """What a log of JSON lines holds so far."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    monkeypatch.setattr(json_lines, "_on", False)
    json_lines.turn_on()
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_is_one_object_with_the_fields_of_its_event(lines):
    log = logging.getLogger("one")
    log.info("two\nlines of %s", "text", extra={"event": {"event": "pulse", "sets": 3}})
    log.error("it failed", exc_info=RuntimeError("broken"))
    first, second = lines()
    assert (first["message"], first["event"], first["sets"]) == ("two\nlines of text", "pulse", 3)
    assert (first["level"], first["logger"]) == ("INFO", "one")
    assert first["time"].endswith("+00:00")
    assert "RuntimeError: broken" in second["error"]


def test_progress_is_an_event_and_tables_are_left_out(lines, capsys):
    with Reporter() as reporter:
        reporter.update("evaluating", 5, 10, failed=1)
    (found,) = lines()
    assert [found[key] for key in ("event", "stage", "done", "total", "failed")] == [
        *("progress", "evaluating", 5, 10, 1)
    ]
    console().print("a table")
    assert capsys.readouterr().out == ""
