"""Media paths of a catalogue, checked once: what is not inside the folder is not there."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

REASONS = {
    "missing": "name a file that does not exist",
    "outside": "leave the folder",
    "link": "are symbolic links that leave the folder",
    "address": "are internet addresses",
}


class MediaFolder:
    """Answers whether a path written in a catalogue is a file inside the folder; each directory is listed once."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._listed: dict[str, dict[str, bool] | None] = {}  # directory -> name -> is a link; None: outside

    def clean(self, values: Iterable[str | None]) -> tuple[list[str | None], Counter[str]]:
        """(the values with only usable paths, relative and joined by '|', None where none is left; reasons counted)."""
        cleaned: list[str | None] = []
        refused: Counter[str] = Counter()
        for value in values:
            kept = []
            for piece in value.split("|") if value else ():
                path, reason = self._check(piece.strip())
                if reason:
                    refused[reason] += 1
                elif path:
                    kept.append(path)
            cleaned.append("|".join(kept) or None)
        return cleaned, refused

    def _check(self, piece: str) -> tuple[str | None, str | None]:
        """(path inside the folder, None) or (None, one of REASONS); neither for an empty piece."""
        if not piece:
            return None, None
        if "://" in piece:
            return None, "address"
        full = os.path.normpath(os.path.join(self.root, piece.replace("\\", "/")))
        if not self._inside(full):
            return None, "outside"
        folder, name = os.path.split(full)
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        entries = self._listed[folder]
        if entries is None:
            return None, "link"
        if name not in entries:
            return None, "missing"
        if entries[name]:
            target = os.path.realpath(full)
            if not self._inside(target):
                return None, "link"
            if not os.path.isfile(target):
                return None, "missing"
        return full[len(self.root) + 1 :], None

    def _list(self, folder: str) -> dict[str, bool] | None:
        if "\0" in folder:
            return {}
        real = os.path.realpath(folder)
        if real != self.root and not self._inside(real):
            return None
        try:
            with os.scandir(folder) as entries:
                return {e.name: e.is_symlink() for e in entries if e.is_symlink() or e.is_file()}
        except OSError:
            return {}

    def _inside(self, path: str) -> bool:
        return path.startswith(self.root.rstrip(os.sep) + os.sep)
