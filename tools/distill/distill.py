#!/usr/bin/env python3
"""Makes the table of static token vectors that is part of the program.

    python tools/distill/corpus.py /usr/share/wordnet > texts.txt
    apus embed texts.txt --model MODEL --output texts.npy
    python tools/distill/distill.py MODEL texts.txt texts.npy Sources/CApusTable/static.apustable

A text's static vector is the mean of its tokens' vectors. These are chosen so that it comes close to
what the sentence encoder says of the text, over many texts (ridge regression, solved by conjugate
gradients). Tokens that the texts hardly have are drawn to a first guess, which model2vec's authors
describe (Minish Lab, 2024): the token goes through the encoder alone, between the tokens that mark
start and end, and is weighted by how rare it is, w = a / (a + p) (Arora, Liang, Ma, "A Simple but
Tough-to-Beat Baseline for Sentence Embeddings", 2017), where p is Zipf's guess from its rank: the
vocabulary is ordered by frequency. Everything happens in the first principal components of the texts'
vectors. Last, each vector becomes signed bytes with one scale.

The format of the table is that of docs/embedding.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import struct

import numpy as np
import scipy.sparse
from scipy.special import erf
from tokenizers import Tokenizer

MAGIC = b"APUSTAB1"
# Chosen on texts that were held back.
DIMENSION, RARITY, STRENGTH = 192, 1e-4, 0.05


class Encoder:
    """The forward pass of BERT on sequences of one length, in numpy."""

    def __init__(self, folder: pathlib.Path):
        config = json.loads((folder / "config.json").read_text())
        self.heads = config["num_attention_heads"]
        self.layers = config["num_hidden_layers"]
        self.epsilon = config["layer_norm_eps"]
        data = (folder / "model.safetensors").read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        self.tensors = {}
        for name, entry in json.loads(data[8 : 8 + length]).items():
            if entry.get("dtype") == "F32":
                start, end = (8 + length + offset for offset in entry["data_offsets"])
                self.tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon)
        return x * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def pooled(self, tokens: np.ndarray) -> np.ndarray:
        """The mean of the last layer's vectors for each sequence: [sequences x width]."""
        count, length = tokens.shape
        table = "embeddings.{}_embeddings.weight"
        x = self.tensors[table.format("word")][tokens]
        x = x + self.tensors[table.format("position")][:length]
        x = self.norm("embeddings.LayerNorm", x + self.tensors[table.format("token_type")][0])
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            q, k, v = (
                self.linear(f"{layer}.attention.self.{part}", x)
                .reshape(count, length, self.heads, -1).transpose(0, 2, 1, 3)
                for part in ("query", "key", "value"))
            scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(np.float32(q.shape[-1]))
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            attended = (scores / scores.sum(-1, keepdims=True)) @ v
            attended = attended.transpose(0, 2, 1, 3).reshape(count, length, -1)
            attended = self.linear(f"{layer}.attention.output.dense", attended)
            x = self.norm(f"{layer}.attention.output.LayerNorm", x + attended)
            inner = self.linear(f"{layer}.intermediate.dense", x)
            inner = inner * (1 + erf(inner / np.sqrt(np.float32(2)))) / 2
            inner = self.linear(f"{layer}.output.dense", inner.astype(np.float32))
            x = self.norm(f"{layer}.output.LayerNorm", x + inner)
        return x.mean(1)


def token_vectors(folder: pathlib.Path, vocabulary: list[str]) -> np.ndarray:
    encoder = Encoder(folder)
    start, end = vocabulary.index("[CLS]"), vocabulary.index("[SEP]")
    numbers = np.arange(len(vocabulary))
    pieces = []
    for first in range(0, len(numbers), 512):
        piece = numbers[first : first + 512]
        around = np.full(len(piece), start), piece, np.full(len(piece), end)
        pieces.append(encoder.pooled(np.stack(around, axis=1)))
    return np.concatenate(pieces)


def is_special(token: str) -> bool:
    return token.startswith("[") and token.endswith("]") and len(token) > 2


def rarity(vocabulary: list[str], a: float) -> np.ndarray:
    """The weight of each token; zero for those that no text has."""
    special = np.array([is_special(token) for token in vocabulary])
    ranks = np.cumsum(~special) + 1
    frequencies = 1 / ranks
    frequencies /= frequencies.sum()
    return np.where(special, 0, a / (a + frequencies))


def shares(folder: pathlib.Path, texts: list[str], count: int) -> scipy.sparse.csr_matrix:
    """The share of each token in each text: [texts x tokens]."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows, columns, values = [], [], []
    for row, encoding in enumerate(tokenizer.encode_batch(texts, add_special_tokens=False)):
        rows += [row] * len(encoding.ids)
        columns += encoding.ids
        values += [1 / max(1, len(encoding.ids))] * len(encoding.ids)
    return scipy.sparse.csr_matrix((values, (rows, columns)), (len(texts), count), np.float32)


def ridge(x: scipy.sparse.csr_matrix, y: np.ndarray, strength: float, steps: int) -> np.ndarray:
    """The w that makes |x w - y|^2 + strength |w|^2 small, by conjugate gradients, column by column
    but side by side."""
    w = np.zeros((x.shape[1], y.shape[1]), np.float32)
    residual = x.T @ y
    direction = residual.copy()
    size = (residual * residual).sum(0)
    for _ in range(steps):
        image = x.T @ (x @ direction) + strength * direction
        step = size / np.maximum((direction * image).sum(0), 1e-20)
        w += direction * step
        residual -= image * step
        last, size = size, (residual * residual).sum(0)
        direction = residual + direction * (size / np.maximum(last, 1e-20))
    return w


def fitted(
    guess: np.ndarray, x: scipy.sparse.csr_matrix, sentences: np.ndarray, dimension: int,
    strength: float,
) -> np.ndarray:
    """Token vectors of `dimension` components."""
    sentences = sentences.astype(np.float32)
    sentences = sentences - sentences.mean(0)
    _, axes = np.linalg.eigh(np.cov(sentences.T))
    axes = axes[:, ::-1][:, :dimension].astype(np.float32)
    y, guess = sentences @ axes, guess.astype(np.float32) @ axes
    image = x @ guess
    guess *= (image * y).sum() / (image * image).sum()
    return guess + ridge(x, y - x @ guess, strength, steps=40)


def encoded(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and the scale of each row."""
    scales = np.abs(vectors).max(1) / 127
    codes = np.round(vectors / np.where(scales > 0, scales, 1)[:, None])
    return codes.astype(np.int8), scales.astype("<f4")


def table(vectors: np.ndarray, vocabulary: list[str]) -> bytes:
    codes, scales = encoded(vectors)
    words = "".join(f"{token}\n" for token in vocabulary).encode()
    rest = scales.tobytes() + codes.tobytes() + words
    version = hashlib.sha256(rest).hexdigest()[:16].encode()
    count, dimension = codes.shape
    return MAGIC + struct.pack("<III12x", dimension, count, len(words)) + version + rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("texts", type=pathlib.Path, help="a text a line")
    parser.add_argument("vectors", type=pathlib.Path, help="what the model says of them, as npy")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--dimension", type=int, default=DIMENSION)
    parser.add_argument("--a", type=float, default=RARITY, help="the constant of the first guess")
    parser.add_argument("--strength", type=float, default=STRENGTH, help="of the regression")
    arguments = parser.parse_args()
    vocabulary = (arguments.model / "vocab.txt").read_text("utf-8").removesuffix("\n").split("\n")
    texts = arguments.texts.read_text("utf-8").removesuffix("\n").split("\n")
    weights = rarity(vocabulary, arguments.a)
    guess = token_vectors(arguments.model, vocabulary)
    guess = (guess - guess[weights > 0].mean(0)) * weights[:, None]
    vectors = fitted(
        guess, shares(arguments.model, texts, len(vocabulary)), np.load(arguments.vectors),
        arguments.dimension, arguments.strength)
    vectors[weights == 0] = 0
    arguments.output.write_bytes(table(vectors, vocabulary))


if __name__ == "__main__":
    main()
