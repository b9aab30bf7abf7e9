"""`gobelin import` as a table: what was read, written and left out, and why."""

import shlex

from gobelin.cli import show
from gobelin.importers import Imported


def show_import(done: Imported) -> None:
    told = done.told
    rows = [("read", what, count) for what, count in told.read.items()]
    rows += [("written", what, count) for what, count in told.written.items()]
    rows += [("left out", what, count) for what, count in told.left_out.items()]
    rows += [("noted", what, count) for what, count in told.notes.items()]
    last = ""
    cells = []
    for kind, what, count in rows:
        cells.append(["" if kind == last else kind, what, f"{count:,}"])
        last = kind
    show.table([done.format, "", "rows"], cells, numeric=2)
    show.out.print()
    show.out.print(f"Next: gobelin check {shlex.quote(str(done.folder))}")
