#!/usr/bin/env python3
"""Texts a second of `apus embed` beside ONNX Runtime, on the same weights, one thread each.

    pip install torch transformers onnx onnxruntime tokenizers numpy
    python Benchmarks/embedding/compare.py MODEL_FOLDER [--texts FILE] [--rounds 5]

The model is exported to ONNX (float32) and run with all graph optimizations. Its texts are sorted by
length and padded within batches, the batch size being the fastest of three; Apus gets them as they
come. Both tokenize, embed, pool and normalize, on one core, taking turns; loading is not counted. The
last line is a JSON object: the median speeds and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np

REPOSITORY = pathlib.Path(__file__).parents[2]


def export(folder: pathlib.Path, path: pathlib.Path) -> None:
    import torch
    from transformers import BertModel

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = BertModel.from_pretrained(folder, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(
                input_ids=input_ids, attention_mask=attention_mask,
                token_type_ids=token_type_ids).last_hidden_state

    example = torch.ones(2, 8, dtype=torch.long)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "states"]}
    torch.onnx.export(
        States(), (example, example, torch.zeros_like(example)), path, input_names=names,
        output_names=["states"], dynamic_axes=axes, opset_version=17, dynamo=False)


class ONNXRuntime:
    def __init__(self, model: pathlib.Path, tokenizer: pathlib.Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.enable_truncation(256)
        self.tokenizer.no_padding()

    def embed(self, texts: list[str], batch: int) -> np.ndarray:
        sequences = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(texts)), key=lambda index: len(sequences[index]))
        vectors = np.zeros((len(texts), 384), np.float32)
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            length = max(len(sequences[index]) for index in part)
            tokens = np.zeros((len(part), length), np.int64)
            mask = np.zeros_like(tokens)
            for row, index in enumerate(part):
                tokens[row, : len(sequences[index])] = sequences[index]
                mask[row, : len(sequences[index])] = 1
            (states,) = self.session.run(None, {
                "input_ids": tokens, "attention_mask": mask,
                "token_type_ids": np.zeros_like(tokens)})
            pooled = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
            vectors[part] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors


def apus(binary: str, model: pathlib.Path, texts: pathlib.Path, output: pathlib.Path) -> float:
    """Texts a second; the vectors go to `output`."""
    run = subprocess.run(
        [binary, "embed", texts, "--model", model, "--threads", "1", "--output", output],
        capture_output=True, text=True, check=True)
    count, seconds = re.search(r"(\d+) texts in ([\d.]+) s", run.stderr).groups()
    return int(count) / float(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--texts", type=pathlib.Path, help="a text a line; default: the fixtures'")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/apus"))
    arguments = parser.parse_args()
    # One core for both, inherited by the program.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = pathlib.Path(scratch_name)
        texts_path = arguments.texts
        if texts_path is None:
            passages = (REPOSITORY / "Fixtures/retrieval/passages.jsonl").read_text()
            lines = [json.loads(line)["text"] for line in passages.splitlines()] * 5
            texts_path = scratch / "texts.txt"
            texts_path.write_text("\n".join(lines) + "\n")
        texts = texts_path.read_text().removesuffix("\n").split("\n")
        export(arguments.model, scratch / "model.onnx")
        peer = ONNXRuntime(scratch / "model.onnx", arguments.model / "tokenizer.json")
        speeds, ratios = {"apus": [], "onnxruntime": []}, []
        for round_number in range(arguments.rounds):
            ours = apus(arguments.binary, arguments.model, texts_path, scratch / "out.npy")
            theirs = 0.0
            for batch in (8, 32, 64):
                start = time.perf_counter()
                vectors = peer.embed(texts, batch)
                theirs = max(theirs, len(texts) / (time.perf_counter() - start))
            if round_number == 0:
                cosines = (np.load(scratch / "out.npy") * vectors).sum(1)
                print(f"cosine of the two: at least {cosines.min():.6f}")
            speeds["apus"].append(ours)
            speeds["onnxruntime"].append(theirs)
            ratios.append(ours / theirs)
            print(f"apus {ours:.0f} texts/s, onnxruntime {theirs:.0f}, ratio {ratios[-1]:.2f}")
    print(json.dumps({
        "texts": len(texts), "ratio": round(statistics.median(ratios), 3),
        **{name: round(statistics.median(values), 1) for name, values in speeds.items()}}))


if __name__ == "__main__":
    main()
