"""The values that flow: immutable, self-checking, joined by row numbers inside and by text ids at the edge."""

from gobelin.values.contributions import Contributions
from gobelin.values.features import Block, Features, FeatureTable
from gobelin.values.histories import Histories, Kind, Queries, Weighing, Wish
from gobelin.values.layout import Layout
from gobelin.values.ranked import Ranked
from gobelin.values.readings import UNREADABLE, Reading, surest
from gobelin.values.target import Target
from gobelin.values.train import Train
from gobelin.values.vocabulary import Vocabulary

__all__ = [
    "UNREADABLE",
    "Block",
    "Contributions",
    "FeatureTable",
    "Features",
    "Histories",
    "Kind",
    "Layout",
    "Queries",
    "Ranked",
    "Reading",
    "Target",
    "Train",
    "Vocabulary",
    "Weighing",
    "Wish",
    "surest",
]
