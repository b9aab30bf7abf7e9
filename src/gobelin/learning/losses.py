"""Losses as pure functions: scores in, a mean over the batch out. Lower is better."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """-ln sigma(s_ui - s_uj): a taken item above one that was not (Rendle et al., UAI 2009).

    positive: (n,); negative: (n,) or (n, k), k others for each.
    """
    gap = positive.unsqueeze(-1) - negative if negative.dim() > positive.dim() else positive - negative
    return -functional.logsigmoid(gap).mean()


def softmax(scores: Tensor, target: Tensor) -> Tensor:
    """-ln softmax(s)_target over all candidates. scores: (n, candidates); target: (n,) their columns."""
    return functional.cross_entropy(scores, target)


def sampled_softmax(
    positive: Tensor, negative: Tensor, log_q_positive: Tensor | None = None, log_q_negative: Tensor | None = None
) -> Tensor:
    """Softmax over the taken item and k drawn ones, each score less ln of how often it is drawn (Bengio and Senécal,
    IEEE TNN 2008; for items in the batch, Yi et al., RecSys 2019), so that popular negatives are not punished twice.

    positive: (n,); negative: (n, k), -inf where a draw does not count; log_q_*: (n,) and (n, k), or (k,); None: drawn
    uniformly, where the correction is the same for all and falls out.
    """
    if log_q_positive is not None:
        positive = positive - log_q_positive
    if log_q_negative is not None:
        negative = negative - log_q_negative
    every = torch.cat([positive.unsqueeze(-1), negative], dim=-1)  # (n, 1 + k)
    return (torch.logsumexp(every, dim=-1) - positive).mean()


def gbce(positive: Tensor, negative: Tensor, n_items: int, calibration: float) -> Tensor:
    """Binary cross-entropy whose positive is raised to a power, so that few negatives do not make it overconfident
    (gBCE, Petrov and Macdonald, RecSys 2023). positive: (n,); negative: (n, k) drawn uniformly of n_items.

    calibration: t in [0, 1]; 0 is plain binary cross-entropy, 1 gives the probabilities of the whole catalogue.
    """
    alpha = min(negative.shape[-1] / max(n_items - 1, 1), 1.0)
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    taken = beta * functional.logsigmoid(positive)
    others = functional.logsigmoid(-negative).sum(dim=-1)
    return -(taken + others).mean()


def bpr_max(positive: Tensor, negative: Tensor, penalty: float = 0.0) -> Tensor:
    """-ln sum_j w_j sigma(s_i - s_j) + penalty sum_j w_j s_j^2, w the softmax of the negatives' scores: the strongest
    of them count, a long list of weak ones does not drown them (Hidasi and Karatzoglou, CIKM 2018).

    positive: (n,); negative: (n, k), very low where a draw does not count.
    """
    weight = torch.softmax(negative, dim=-1)
    above = functional.logsigmoid(positive.unsqueeze(-1) - negative)
    ahead = torch.logsumexp(torch.log_softmax(negative, dim=-1) + above, dim=-1)
    return (penalty * (weight * negative**2).sum(dim=-1) - ahead).mean()


def info_nce(left: Tensor, right: Tensor, temperature: float) -> Tensor:
    """Row i of each side belongs together, all other rows of the batch do not; both directions, by cosine (van den
    Oord et al. 2018; both ways, Radford et al., ICML 2021). left, right: (n, dim)."""
    scores = functional.normalize(left, dim=-1) @ functional.normalize(right, dim=-1).T / temperature  # (n, n)
    own = torch.arange(len(scores), device=scores.device)
    return (softmax(scores, own) + softmax(scores.T, own)) / 2


def multinomial(scores: Tensor, wanted: Tensor) -> Tensor:
    """-sum_i x_i ln softmax(s)_i: how well a whole history is given back (Liang et al., WWW 2018).

    scores, wanted: (n, items), wanted not negative.
    """
    return -(functional.log_softmax(scores, dim=-1) * wanted).sum(dim=-1).mean()


def normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of a diagonal normal from the standard one (Kingma and Welling, ICLR 2014). Both (n, dim)."""
    return -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=-1).mean()


def squared(told: Tensor, rating: Tensor) -> Tensor:
    """(r - told)^2. Both (n,)."""
    return functional.mse_loss(told, rating)


def ordinal(score: Tensor, cuts: Tensor, level: Tensor) -> Tensor:
    """-ln P(level) where P(rating <= level l) = sigma(cut_l - score): ratings are ordered, their steps need not be
    equal (McCullagh, JRSS B 1980; for recommenders, Koren and Sill, RecSys 2011).

    score: (n,); cuts: (levels - 1,), rising; level: (n,) from 0.
    """
    below = torch.sigmoid(cuts.unsqueeze(0) - score.unsqueeze(-1))  # (n, levels - 1)
    edges = functional.pad(functional.pad(below, (1, 0), value=0.0), (0, 1), value=1.0)  # (n, levels + 1)
    upper = edges.gather(1, level.unsqueeze(-1) + 1)
    lower = edges.gather(1, level.unsqueeze(-1))
    return -torch.log((upper - lower).clamp_min(math.exp(-60))).mean()
