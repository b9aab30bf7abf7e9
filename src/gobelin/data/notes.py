"""What was met while reading and did not stop it: counted, never silent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """code: a stable name for programs; message: a sentence that holds the count; count: how many."""

    code: str
    message: str
    count: int


class Notebook:
    """Collects notes while a data set is read. A count of nought is not noted."""

    def __init__(self) -> None:
        self._notes: list[Note] = []

    def add(self, code: str, message: str, count: int) -> None:
        if count:
            self._notes.append(Note(code, message, count))

    def all(self) -> tuple[Note, ...]:
        return tuple(self._notes)


def several(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '2 rows', '1,000 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def examples(names: list[str], most: int = 3) -> str:
    """'a', 'b', 'c', ...: the first few, quoted."""
    return ", ".join(repr(name) for name in names[:most]) + (", ..." if len(names) > most else "")
