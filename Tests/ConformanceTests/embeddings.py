"""Texts as vectors without a model or a network: what the frameworks' embedders are in the tests.

A text is its words. Each word has a direction of its own (dense) and a dimension of its own
(sparse), so that texts are the nearer the more words they share, and every score can be computed.
"""

from __future__ import annotations

import math
import random
import re
import zlib

DIMENSION = 64


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def dense(text: str) -> list[float]:
    """The normalised sum of the directions of the words."""
    total = [0.0] * DIMENSION
    for word in words(text):
        generator = random.Random(zlib.crc32(word.encode()))
        total = [sum + generator.gauss(0, 1) for sum in total]
    length = math.sqrt(sum(each * each for each in total)) or 1.0
    return [each / length for each in total]


def sparse(text: str) -> tuple[list[int], list[float]]:
    """How often each word is there, by a number of the word."""
    counts: dict[int, float] = {}
    for word in words(text):
        number = zlib.crc32(word.encode()) % 1_000_003
        counts[number] = counts.get(number, 0.0) + 1.0
    indices = sorted(counts)
    return indices, [counts[index] for index in indices]


def cosine(left: str, right: str) -> float:
    """What a search for `left` must score a point of `right`."""
    return sum(a * b for a, b in zip(dense(left), dense(right)))


def overlap(left: str, right: str) -> float:
    """The same for sparse vectors."""
    a, b = dict(zip(*sparse(left))), dict(zip(*sparse(right)))
    return sum(count * b.get(index, 0.0) for index, count in a.items())


#: What the frameworks store: a text, and what is known about it.
PASSAGES: list[tuple[str, dict]] = [
    ("bees dance to tell where flowers are", {"topic": "insects", "year": 2001, "tags": ["bee"]}),
    ("ants follow trails of scent to food", {"topic": "insects", "year": 2010, "tags": ["ant"]}),
    ("wasps build nests of paper under roofs", {"topic": "insects", "year": 2021, "tags": ["wasp"]}),
    ("flowers open in the morning light", {"topic": "plants", "year": 2005, "tags": ["bee", "sun"]}),
    ("trees drink water through their roots", {"topic": "plants", "year": 2015, "tags": []}),
    ("rivers carry sand and water to the sea", {"topic": "earth", "year": 2001, "tags": ["sea"]}),
    ("volcanoes throw ash and fire into the sky", {"topic": "earth", "year": 1999, "tags": ["sky"]}),
    ("clouds are water that hangs in the sky", {"topic": "earth", "year": 2020, "tags": ["sky"]}),
]


def ranked(question: str, score=cosine, among=None) -> list[str]:
    """The texts, best first."""
    texts = [text for text, _ in PASSAGES] if among is None else among
    return sorted(texts, key=lambda text: -score(question, text))


def reciprocal_rank(*rankings: list[str], k: int = 2) -> dict[str, float]:
    """The score of each text after fusion by its ranks, which count from 0."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, text in enumerate(ranking):
            scores[text] = scores.get(text, 0.0) + 1 / (rank + k)
    return scores
