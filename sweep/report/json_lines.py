"""One JSON object a line in place of text, for programs that collect logs (`log.json=true`)."""

import datetime as dt
import json
import logging

_on = False


def active() -> bool:
    """Tell whether lines are JSON, so that tables are left out."""
    return _on


def turn_on() -> None:
    """Write every further line of this process as JSON."""
    global _on  # noqa: PLW0603 - one process, one log
    _on = True
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines())


class JsonLines(logging.Formatter):
    """`time`, `level`, `logger`, `message`; `error` where there is one; the fields of an event.

    An event is given by `extra={"event": {...}}`; its names do not replace those above.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        when = dt.datetime.fromtimestamp(record.created, dt.UTC)
        fields = {
            **getattr(record, "event", {}),
            "time": when.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)
