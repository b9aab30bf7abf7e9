"""A user's vector from their history, where items have vectors that were learned by comparing pairs (BPR).

Models that learn a vector for each known user throw those away: whoever asks, known or not, gets the vector that their
history wants among the learned items, by the same loss.
"""

import numpy as np
from scipy.sparse import csr_array

from gobelin.arrays import Array, Float32
from gobelin.models._sparse import blocks

STEPS = 30
BLOCK = 1 << 22  # numbers of pairs x others held at once


def preferring(
    log: csr_array,
    items: Float32[Array, "items dim"],
    loud: Float32[Array, " items"],
    others: Array,
    ridge: float,
) -> Float32[Array, "rows dim"]:
    """z_r = argmin of the mean over taken i and others j of -ln sigma(s_ri - s_rj) + ridge / 2 |z_r|^2.

    s_ri = z_r'y_i + b_i with y: items, b: loud; others: rows of items that stand for the whole catalogue. Convex: so
    many steps of accelerated gradient (Nesterov 1983), each row alone. A row without entries is zero.
    """
    out = np.zeros((log.shape[0], items.shape[1]), dtype=np.float32)
    lengths = np.diff(log.indptr).astype(np.int64)
    far, far_loud = items[others], loud[others]
    # the loss curves by at most a quarter of |y_i - y_j|^2: what a step may be
    reach = float(np.einsum("ij,ij->i", items, items).max(initial=0.0)) + float((far**2).sum(axis=1).mean())
    pace = np.float32(1 / (reach / 2 + ridge))
    total = np.maximum(np.asarray(log.sum(axis=1)).ravel(), 1e-12)
    for rows in blocks((lengths + 1) * len(others), BLOCK):
        some = csr_array(log[rows.start : rows.stop])
        row = np.repeat(np.arange(some.shape[0]), lengths[rows])
        share = (some.data / total[rows][row] / len(others)).astype(np.float32)
        spread = csr_array(
            (np.ones(some.nnz, np.float32), np.arange(some.nnz), some.indptr), shape=(some.shape[0], some.nnz)
        )
        near, near_loud = items[some.indices], loud[some.indices]
        z = ahead = np.zeros((some.shape[0], items.shape[1]), dtype=np.float32)
        for step in range(STEPS):
            met = np.einsum("ij,ij->i", near, ahead[row]) + near_loud  # (pairs,)
            unmet = ahead @ far.T + far_loud  # (rows, others)
            wrong = _sigmoid(unmet[row] - met[:, None]) * share[:, None]  # (pairs, others)
            pull = spread @ (near * wrong.sum(axis=1)[:, None]) - (spread @ wrong) @ far
            new = ahead + pace * (pull - np.float32(ridge) * ahead)
            ahead = new + np.float32(step / (step + 3)) * (new - z)
            z = new
        out[rows] = z
    out[lengths == 0] = 0
    return out


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), dtype=np.float32)
