"""A person in implicit matrix factorisation: a history folded into item vectors by the normal equations of its row."""

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32, Int32
from gobelin.models._folding import fold
from gobelin.values import Contributions, Queries


def ridged(gram: Float32[Array, "dim dim"], unseen: float, regularisation: float) -> Float32[Array, "dim dim"]:
    """`unseen` V'V + l I: what a row's left-hand side is before its own entries."""
    return np.asarray(np.float32(unseen) * gram + np.float32(regularisation) * np.eye(len(gram), dtype=np.float32))


def wanted(log: csr_array, unseen: float) -> Float32[Array, " pairs"]:
    """c p of each entry: its weight above what an unseen pair counts, and that."""
    return np.asarray(log.data + np.float32(unseen))


def folded(
    queries: Queries, items: Float32[Array, "items dim"], prior: Float32[Array, "dim dim"], unseen: float
) -> Float32[Array, "queries dim"]:
    """(prior + sum w y y')^-1 sum (w + unseen) y of each history, to convergence."""
    log = queries.histories.matrix(len(items), now=queries.now)
    return fold(log, wanted(log, unseen), items, prior)


def explain_folded(
    vectors: Float32[Array, "items dim"],
    prior: Float32[Array, "dim dim"],
    unseen: float,
    query: Queries,
    items: Int32[Array, " wanted"],
) -> Contributions:
    """y_j' W t_e y_e with W = (prior + sum w y y')^-1: each event as this person weighs it (Hu et al. 2008, 5).

    Solved directly, in float64; `folded` stops at a relative residual of 1e-5.
    """
    spoken = query.histories.spoken().astype(np.float64)
    met = vectors[np.maximum(query.histories.items, 0)].astype(np.float64)  # (events, dim)
    normal = prior.astype(np.float64) + (met * spoken[:, None]).T @ met
    told = np.linalg.solve(normal, (met * np.where(spoken > 0, spoken + unseen, 0)[:, None]).T)
    shares = (vectors[items].astype(np.float64) @ told)[:, :, None]
    return Contributions(items, ("log",), shares, np.zeros(len(items)))
