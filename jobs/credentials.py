"""Credentials come from the environment; an override that looks like one is refused unseen."""

import os
import re

VARIABLES = {
    "MASSIVE_API_KEY": "REST bars and splits",
    "MASSIVE_S3_ACCESS_KEY_ID": "flat files from S3",
    "MASSIVE_S3_SECRET_ACCESS_KEY": "flat files from S3",
    "DATABASE_URL": "store=postgres",
    "AWS_ACCESS_KEY_ID": "storage.root=s3://...",
    "AWS_SECRET_ACCESS_KEY": "storage.root=s3://...",
    "AWS_SESSION_TOKEN": "storage.root=s3://..., with temporary keys",
}
"""Environment variables that hold credentials, and what each is for."""

_KEY = re.compile(
    r"passw|secret|token|credential|api_?key|access_?key|private_?key|database_?url|dsn|(^|[._])auth",
    re.IGNORECASE,
)
_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]*@|(^|=)AKIA[0-9A-Z]{16}$|-----BEGIN")


def looks_secret(override: str) -> bool:
    """Say whether an override looks like a credential, or holds one of this process."""
    key = override.partition("=")[0]
    held = (os.environ.get(name, "") for name in VARIABLES)
    return bool(
        _KEY.search(key)
        or _VALUE.search(override)
        or any(secret and secret in override for secret in held)
    )


def refusal(override: str) -> str:
    """Return the fault of such an override; its value is not repeated."""
    key = override.partition("=")[0]
    held = any(os.environ.get(name) and os.environ[name] in key for name in VARIABLES)
    shown = "an override" if held or _VALUE.search(key) else key.lstrip("+~")
    known = ", ".join(VARIABLES)
    return f"{shown}: looks like a credential; those come from the environment only ({known})"
