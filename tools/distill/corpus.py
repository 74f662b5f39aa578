#!/usr/bin/env python3
"""Makes texts to fit token vectors on, a line each, from WordNet's files (Debian: wordnet-base).

    python tools/distill/corpus.py /usr/share/wordnet > texts.txt

Definitions with the words that they define and example sentences spread over the whole language;
questions about the words show how little "what is a" says.
"""

from __future__ import annotations

import pathlib
import random
import re
import sys

QUESTIONS = [
    "What is {}?", "What does {} mean?", "How does {} work?", "Why is {} important?",
    "How can I find {}?", "What should I do about {}?", "Where does {} come from?",
    "When do you need {}?", "Is there a difference between {} and {}?", "How do I use {}?",
    "Who uses {}?", "Which kinds of {} are there?", "What causes {}?", "Tell me about {}.",
    "How much {} is too much?", "Can {} be avoided?", "What happens if there is no {}?",
    "Why do people like {}?", "How long does {} last?", "What are the signs of {}?",
]
DEFINITIONS, EXAMPLES, ASKED = 50_000, 20_000, 30_000


def synsets(folder: pathlib.Path):
    """The words, the definition and the examples of each set of synonyms."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text("utf-8").splitlines():
            if line.startswith("  "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split(" ")
            count = int(fields[3], 16)
            words = [
                re.sub(r"\(.*\)$", "", word).replace("_", " ")
                for word in fields[4 : 4 + 2 * count : 2]]
            examples = re.findall(r'"([^"]+)"', gloss)
            definition = re.split(r'; "', gloss.strip())[0].strip()
            yield words, definition, examples


def main() -> None:
    chance = random.Random(1)
    all_synsets = list(synsets(pathlib.Path(sys.argv[1])))
    words = [word for each, _, _ in all_synsets for word in each[:1]]
    definitions = [f"{', '.join(each[:3])}: {text}" for each, text, _ in all_synsets]
    examples = [example for _, _, each in all_synsets for example in each]
    questions = [
        chance.choice(QUESTIONS).format(*chance.sample(words, 2)) for _ in range(ASKED)]
    texts = chance.sample(definitions, min(DEFINITIONS, len(definitions)))
    texts += chance.sample(examples, min(EXAMPLES, len(examples))) + questions
    chance.shuffle(texts)
    sys.stdout.reconfigure(encoding="utf-8")
    print("\n".join(" ".join(text.split()) for text in texts))


if __name__ == "__main__":
    main()
