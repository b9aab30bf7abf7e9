"""The command line: a thin face of `experiment` and `service`."""

import sys


def main() -> None:
    """Entry point of `gobelin`: a person's mistake ends with one clear message and status 2, never a traceback."""
    from gobelin.cli.app import app
    from gobelin.cli.show import complain
    from gobelin.errors import GobelinError, UserError

    try:
        app()
    except GobelinError as wrong:
        complain(wrong, as_json="--json" in sys.argv)
        sys.exit(2 if isinstance(wrong, UserError) else 1)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing was left half-written; what was encoded is kept.\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
