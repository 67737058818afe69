"""Look for known holes in what requirements.lock names: `make audit`.

Ends with 1 for a hole, and where the answer is not known: an index without advisories makes
pip-audit skip every package and call that clean.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PATIENCE_S = 300


def verdict(answer: str) -> tuple[int, str]:
    """Return exit code and text for what `pip-audit --format json` wrote."""
    packages = json.loads(answer)["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    holes = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in "
        f"{', '.join(hole['fix_versions']) or 'no version yet'}"
        for one in packages
        for hole in one.get("vulns", ())
    ]
    if holes:
        return 1, "\n".join(holes)
    if skipped or not packages:
        return 1, (
            f"not known: the index here has no advisories on {len(skipped)} of {len(packages)} "
            f"packages ({', '.join(skipped[:3])}, ...); run it where pypi.org can be reached"
        )
    return 0, f"no known hole in {len(packages)} packages"


def main() -> int:
    """Run pip-audit, which stands beside this interpreter."""
    command = [
        *(str(Path(sys.executable).with_name("pip-audit")), "--format", "json", "--timeout", "10"),
        *("--progress-spinner", "off", "--require-hashes", "--disable-pip"),
        *("--requirement", str(LOCK)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        code, text = verdict(done.stdout)
    except subprocess.TimeoutExpired:
        code, text = 1, f"not known: no answer within {PATIENCE_S} s; run it with a network"
    except (ValueError, KeyError):
        code, text = 1, f"not known: pip-audit ended with\n{done.stderr[-2000:]}"
    sys.stdout.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
