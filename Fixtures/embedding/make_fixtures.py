#!/usr/bin/env python3
"""Makes these fixtures with the reference implementation.

    python Fixtures/embedding/make_fixtures.py FOLDER_OF_ALL_MINILM_L6_V2

Needs sentence-transformers 6 and safetensors. `tiny/` is a BERT of two layers with random weights;
`tiny.json` and `minilm.json` hold texts, their tokens and their vectors.
"""

from __future__ import annotations

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel, BertTokenizer

FOLDER = pathlib.Path(__file__).parent
TEXTS = [
    "hello world",
    "",
    " ",
    "The quick brown fox jumps over the lazy dog.",
    "Don't stop: it's 3.14159 (roughly), isn't it?",
    "Crème brûlée, naïve façade, Ångström, Übergrößenträger, İstanbul, ŁÓDŹ",
    "向量数据库存储嵌入并返回最近的邻居。",
    "東京は日本の首都です。カタカナとひらがな",
    "한국어 문장도 토큰으로 나뉜다.",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ नमस्ते दुनिया",
    "Привет, мир! مرحبا بالعالم שלום עולם",
    "🙂🚀 emoji 👩‍👩‍👧 family and flags 🇩🇪",
    "tabs\tand\nnew lines\r\nand\u00a0non-breaking\u2003spaces",
    "zero\u200bwidth\u200djoiners and \u0000 control \u0007 characters \ufffd here",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "x" * 120 + " after a word that is too long",
    "SELECT id, vec <-> '[1,2,3]' AS d FROM items; https://example.com/path?query=1#here",
    "e\u0301 decomposed and \u00e9 composed, \u1e9b\u0323 too, ﬁ ligature, ½ cup, x²",
    "$100 € £20 ¥ 50% ~ ^ ` | < > + = _ # @ & * \\ / { } [ ]",
    "“curly quotes” — dashes – and … ellipsis ¿qué? ¡sí! «guillemets» 、。",
    "σίσυφος ΣΊΣΥΦΟΣ ὀδυσσεύς",
    "In the beginning was the log, and every acknowledged write was in it. " * 12,
    "Texts are cut after so many tokens that the end of this one does not matter. " * 40,
]


def write(name: str, model: SentenceTransformer, texts: list[str]) -> None:
    vectors = model.encode(texts, normalize_embeddings=True, batch_size=4)
    lines = []
    for text, vector in zip(texts, vectors):
        tokens = model.tokenizer(text, truncation=True, max_length=model.max_seq_length)
        numbers = [round(float(number), 6) for number in vector]
        lines.append(json.dumps({"text": text, "tokens": tokens["input_ids"], "vector": numbers}))
    (FOLDER / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")


def make_tiny() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'-()"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary += list(letters) + [f"##{letter}" for letter in letters[:36]]
    vocabulary += ["the", "and", "##ing", "##er", "log", "world", "hello", "##llo", "東", "##都"]
    folder = FOLDER / "tiny"
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=44, max_position_embeddings=40, hidden_act="gelu")
    torch.manual_seed(7)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn_like(weight) * 0.4 + (weight.ndim == 1) * 0.3)
    settings = config.to_dict() | {"position_embedding_type": "absolute"}
    keep = [
        "model_type", "hidden_act", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "vocab_size", "max_position_embeddings", "type_vocab_size",
        "layer_norm_eps", "position_embedding_type"]
    (folder / "config.json").write_text(json.dumps({key: settings[key] for key in keep}))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}\n')
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}\n')
    tensors = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")

    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    lines = []
    for text in TEXTS:
        tokens = tokenizer(text, truncation=True, max_length=32, return_tensors="pt")
        with torch.no_grad():
            vector = model(**tokens).last_hidden_state[0].mean(0)
        vector = vector / vector.norm()
        numbers = [round(float(number), 6) for number in vector]
        lines.append(
            json.dumps({"text": text, "tokens": tokens["input_ids"][0].tolist(), "vector": numbers}))
    (FOLDER / "tiny.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


def main() -> None:
    make_tiny()
    write("minilm.json", SentenceTransformer(sys.argv[1], device="cpu"), TEXTS)


if __name__ == "__main__":
    main()
