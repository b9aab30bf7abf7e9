"""scikit-learn estimators as bytes and back, without pickle: the format of skops, and the types that it may hold."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gobelin.arrays import Array, UInt8
from gobelin.errors import StoreError

TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
"""Private types of scikit-learn in the estimators used here; skops itself knows the public ones."""


def saved(model: Any) -> UInt8[Array, " bytes"]:
    """A fitted scikit-learn estimator, or a list of them, as bytes."""
    import skops.io

    return np.frombuffer(skops.io.dumps(model), dtype=np.uint8)


def restored(told: UInt8[Array, " bytes"]) -> Any:
    """What `saved` was given. Raises StoreError where the bytes hold a type that no estimator here has."""
    import skops.io
    import skops.io.exceptions

    try:
        return skops.io.loads(np.asarray(told, dtype=np.uint8).tobytes(), trusted=list(TRUSTED))
    except skops.io.exceptions.UntrustedTypesFoundException as wrong:
        raise StoreError(
            f"A saved estimator holds what no estimator of Gobelin's has: {wrong}.",
            "a model that `gobelin predict` wrote.",
            "do not load it; make the model again from the data.",
        ) from wrong
    except Exception as wrong:  # a broken zip, a lacking member, a version that scikit-learn cannot build
        raise StoreError(
            f"A saved estimator cannot be read: {type(wrong).__name__}: {wrong}.",
            "a whole model, of the installed scikit-learn.",
            "make the model again from the data.",
        ) from wrong


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside it nothing is said of an optimiser that ran out of rounds: how many there are is a setting."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
