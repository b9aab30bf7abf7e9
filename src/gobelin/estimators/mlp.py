"""A multilayer perceptron."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from annotated_types import Ge, Gt
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from gobelin.arrays import Array, Float32
from gobelin.estimators._fitted import Fitted, classes, means, together
from gobelin.estimators._scaling import Scaling
from gobelin.fitted import ready, remade, state_of
from gobelin.parts import Grid
from gobelin.protocols import State
from gobelin.values import Target


@dataclass(kw_only=True)
class Mlp:
    """A multilayer perceptron: one hidden layer of ReLUs, learned by Adam.

    width: hidden units. decay: L2 on the weights. rounds: passes over the rows. Vectors come with columns of deviation
    about 1; numbers are learned in deviations from their mean; labels are sigmoid outputs of one network.
    Relations: networks that learn how senses meet are fusions, not estimators.
    """

    tells: ClassVar[tuple[str, ...]] = ("class", "labels", "numbers")

    width: Annotated[int, Ge(1), Grid(16, 64, 256)] = 64
    decay: Annotated[float, Gt(0), Grid(1e-4, 1e-2, 1.0)] = 1e-2
    rounds: Annotated[int, Ge(1)] = 60
    _fitted: Fitted | None = field(default=None, init=False, repr=False)

    def fit(self, values: Float32[Array, "rows dim"], target: Target, rng: np.random.Generator) -> Self:
        scaling = Scaling.of(values, by_column=True)
        told = {
            "hidden_layer_sizes": (self.width,),
            "alpha": self.decay,
            "max_iter": self.rounds,
            "batch_size": min(32, len(values)),
            "learning_rate_init": 0.003,
            "random_state": int(rng.integers(2**31)),
        }
        if target.told == "class":
            self._fitted = classes(lambda: MLPClassifier(**told), values, target, scaling)
        elif target.told == "labels":
            self._fitted = together(MLPClassifier(**told), values, target, scaling)
        else:
            network = TransformedTargetRegressor(MLPRegressor(**told), transformer=StandardScaler())
            self._fitted = means(network, values, target, scaling)
        return self

    def predict(self, values: Float32[Array, "rows dim"]) -> Float32[Array, "rows outputs"]:
        return ready(self._fitted).predict(values)

    def state(self) -> State:
        return state_of(self, fitted=None if self._fitted is None else self._fitted.state())

    @classmethod
    def from_state(cls, state: State) -> Self:
        part = remade(cls, state)
        part._fitted = Fitted.from_state(state["fitted"]) if state["fitted"] else None
        return part
