"""Write ``autoresearch/token_costs.txt``: what the estimate of tokens knows about the vocabularies.

    python tools/token_costs.py

Words and runs of punctuation are taken by how often they occur in Python's own sources and the documentation of
what is installed here; their cost is the largest in both encodings after any character that may precede them.
"""

from __future__ import annotations

import re
import string
import sysconfig
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from rs_bpe.bpe import openai

TABLE = Path(__file__).resolve().parent.parent / "autoresearch" / "token_costs.txt"
WORDS, RUNS = 10000, 250
FIELD = """
ablation accuracy agents artifact artifacts autoresearch brief closed incumbent ledger quoted reason recorded remark remarks replicate session skills waiting
ablation accuracy activation adam adamw advanced annealing architecture aspect attention augmentation backward
bandwidth baseline batch batches beats best beta bpb budget byte bytes char checkpoint clip clipping commit constant
convergence converge converged cooldown cosine crash crashed crashes cuda decay decays deeper depth diff discard
discarded diverged divergence divergent dropout dropped drops embed embedding embeddings entropy epoch epochs epsilon
eval evaluator experiment experiments failed finite flaw forward frontier gain gains gate gelu gpu grad gradient
gradients halve halved head heads helped helps hidden higher hurt hurts hyperparameter improve improved improvement
improves inference init initialization instability instead iteration iterations kept kernel kernels label lambda
latency layer layers learn learning linear logits loss lower memory metric metrics mlp momentum muon nan noise
normalization norm notes oom optimizer outlier overfit overfitting parameter parameters penalty perplexity plateau
pooling precision prefetch projection protected quantization rank ratio regressed regression regularization relu
residual residuals retry rope rotary sampler samples scale scaled scaling schedule scheduler score scores seed seeds
sequence sigma sigmas silu slower smoothing softcap softmax sparse spike stable steps swiglu target temperature
tensor throughput timeout token tokenizer tokens train training transformer trial tuned tuning tweak untied unstable
val validation vocab vocabulary warm warmdown warmup weight weights wider widen width window winner worse zero
"""
TEXTS = {".py", ".md", ".rst", ".txt", ".tsv", ".toml", ".json"}
BEFORE = ["", "\t", "x'", *string.punctuation]
ENCODINGS = (openai.o200k_base(), openai.cl100k_base())


def tokens(text: str) -> int:
    """The larger of the two counts."""
    return max(int(encoding.count(text)) for encoding in ENCODINGS)


def corpus() -> Iterator[tuple[str, int]]:
    """Texts with their weight: prose counts more than code, which repeats itself."""
    for root in (Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")):
        for path in sorted(root.rglob("*")):
            if (path.suffix in TEXTS or path.name == "METADATA") and path.is_file():
                prose = path.suffix != ".py" or path.name == "topics.py"
                yield path.read_text(encoding="utf-8", errors="replace")[:500_000], 10 if prose else 1
    for form in (str.lower, str.capitalize):
        yield form(FIELD), 2000


def unknown(word: str, missing: set[str]) -> int:
    """What the estimate says without the table."""
    misses = sum(word[i : i + 2] in missing for i in range(len(word) - 1))
    return (2 * len(word) + 3 + misses) // 3


def word_costs(word: str) -> tuple[int, int]:
    """The cost of a word after a space, and the most it adds after anything else."""
    return tokens(" " + word), max(tokens(before + word) - len(before) for before in BEFORE)


def run_cost(run: str) -> int:
    return max(tokens(before + run + after) for before in ("", " ") for after in ("", "\n", "\n\n"))


def characters() -> Iterator[str]:
    """Everything up to the symbols, and the two thousand commonest of each East Asian script."""
    yield from map(chr, range(0x80, 0x3100))
    for row, cell in product(range(0xB0, 0xD8), range(0xA1, 0xFF)):
        for codec in ("gb2312", "euc_kr"):
            yield bytes([row, cell]).decode(codec, errors="ignore")


def main() -> None:
    missing = {
        a + b
        for letters in (string.ascii_lowercase, string.ascii_uppercase)
        for a, b in product(letters, letters)
        if tokens(a + b) > 1
    }
    words: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for text, weight in corpus():
        found = Counter(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text))
        for word, count in found.items():
            # No file may fill the table by itself.
            if 1 < len(word) < 20:
                words[word] += weight * min(count, 10)
        runs.update(re.findall(r"(?a:[^\s\w\x80-\U0010ffff]|_){1,8}", text))
    gains = {
        word: (count * (unknown(word, missing) - tokens(" " + word)), word) for word, count in words.items()
    }
    costs: dict[tuple[int, int], list[str]] = {}
    for gain, word in sorted(gains.values(), reverse=True)[:WORDS]:
        if gain > 0:
            costs.setdefault(word_costs(word), []).append(word)
    for run, _ in runs.most_common(RUNS):
        if (cost := run_cost(run)) <= len(run):
            costs.setdefault((cost, cost), []).append(run)
    single: dict[int, set[str]] = {}
    for character in filter(str.isprintable, filter(None, characters())):
        if not character.isspace() and (cost := tokens(character)) < len(character.encode()):
            single.setdefault(cost, set()).add(character)
    lines = [f"missing {' '.join(sorted(missing))}"]
    lines += [
        f"{spaced} {other} {' '.join(sorted(items))}" for (spaced, other), items in sorted(costs.items())
    ]
    lines += [f"each {cost} {''.join(sorted(items))}" for cost, items in sorted(single.items())]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(TABLE.name, TABLE.stat().st_size, {cost: len(items) for cost, items in costs.items()})


if __name__ == "__main__":
    main()
