"""`gobelin check` as tables, advice last."""

from itertools import groupby

from gobelin.cli import show
from gobelin.data.health import Health


def show_health(health: Health) -> None:
    for section, rows in groupby(health.rows(), key=lambda row: row[0]):
        show.table([section, ""], [[what, value] for _, what, value in rows])
        show.out.print()
    show.out.print("advice", style="bold")
    for line in health.advice:
        show.out.print(f"- {line}")
