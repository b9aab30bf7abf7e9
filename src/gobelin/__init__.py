"""Gobelin weaves what items say and show, and what people do with them, into recommendations.

    import gobelin as gb

    dataset = gb.Dataset.read("shop")           # or gb.Dataset.from_frames(items, interactions)
    run = gb.run(dataset, out="runs/first")     # encode, fit, tune, evaluate, report
    run.recommend(user="ana", k=10)

The names below are loaded when they are first used, so that `import gobelin` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Dataset": "gobelin.data.dataset",
    "GobelinError": "gobelin.errors",
    "Run": "gobelin.service",
    "check": "gobelin.data.health",
    "compare": "gobelin.comparison",
    "import_dataset": "gobelin.importers",
    "run": "gobelin.experiment",
    "update": "gobelin.updating",
}
__all__ = [*_WHERE, "__version__"]

if TYPE_CHECKING:
    from gobelin.comparison import compare
    from gobelin.data.dataset import Dataset
    from gobelin.data.health import check
    from gobelin.errors import GobelinError
    from gobelin.experiment import run
    from gobelin.importers import import_dataset
    from gobelin.service import Run
    from gobelin.updating import update


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'gobelin' has no attribute {name!r}")
