"""How the `alpha` command begins and ends.

Exit codes: 0 done, 1 failed with a line that names the culprit and the fix, 2 wrong usage, 130 interrupted (Ctrl-C or
SIGTERM). Only a defect of ours ends with a traceback, so that it can be reported.
"""

import sys

from alpha_pipeline import interruption

FAREWELL = "Interrupted. What was finished is kept; the next run goes on from there."


def main() -> None:
    """Run the command and leave with its exit code."""
    with interruption.heard(FAREWELL):
        try:
            # The commands take a moment to import, in which somebody may think better of it.
            from alpha_pipeline.cli.app import app  # noqa: PLC0415
            from alpha_pipeline.cli.ending import ended  # noqa: PLC0415

            code = ended(app, FAREWELL)
        except KeyboardInterrupt:
            if sys.stderr is not None:
                sys.stderr.write(f"{FAREWELL}\n")
            code = interruption.CODE
    sys.exit(code)
