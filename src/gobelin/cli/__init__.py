"""The command line: a thin face of `experiment` and `service`."""

import errno
import sys

_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENAMETOOLONG,
}
"""What a machine, not a mistake in the code, answers: a full disk, no leave, a broken disk."""


def main() -> None:
    """Entry point of `gobelin`: a person's mistake ends with one clear message and status 2, never a traceback."""
    from gobelin.cli.app import app
    from gobelin.cli.show import complain
    from gobelin.errors import GobelinError, StoreError, UserError

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
    except OSError as wrong:
        if wrong.errno not in _MACHINE:
            raise
        where = f"{wrong.filename}: " if wrong.filename else ""
        told = StoreError(
            f"{where}{wrong.strerror}.", "a place with room and leave to write.", "free some space, or use another."
        )
        complain(told, as_json="--json" in sys.argv)
        sys.exit(1)
