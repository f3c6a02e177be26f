"""The estimate is never below the real encodings; files on disk are used only when they are what they should be."""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import random
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from rs_bpe.bpe import openai

from autoresearch import tokens

O200K, CL100K = openai.o200k_base(), openai.cl100k_base()
ROOT = Path(__file__).resolve().parent.parent

NOTES = [
    "lr too hot early; added 200-step warmup, val_bpb 2.014->1.960",
    "DEPTH 8 -> 12 OOM at batch 524K, halved DEVICE_BATCH_SIZE (64 -> 32)",
    "MATRIX_LR=0.045 (was 0.04): +0.0003, within noise; seeds 1337/42/7 disagree",
    'reverted: "RoPE base 10k→200k" ≥ 3σ worse — see #41…',  # noqa: RUF001  as people write
    "don't retry SwiGLU w/o re-tuning the LR; it's ~2x slower & NaNs @ step 300!!",
    "把学习率从0.04提高到0.06，验证损失下降。",  # noqa: RUF001  as people write
    "学習率を上げたら損失が発散したので元に戻した。",
    "학습률을 높였더니 손실이 발산해서 되돌렸다.",
    "Скорость обучения слишком высокая, вернули обратно.",
    "🔥🚀 new best!!! 👩‍🔬🇩🇪 ✅",
    "Lernrate verdoppelt; beträchtlich größerer Verlust – zurückgenommen.",
]
LOGS = [
    '\x1b[31mTraceback (most recent call last):\x1b[0m\n  File "train.py", line 412, in <module>\n    loss.backward()\n',
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.15 GiB total)\n",
    "step 00953 (100.00%) | loss: 3.281764 | lrm: 0.00 | dt: 326ms | tok/sec: 1,607,283 | mfu: 41.2\n",
    "\x1b]0;title\x07\x1b[2K\r 37%|███▋      | 37/100 [00:12<00:21,  2.97it/s]\n",
]
HARD = [
    "",
    " ",
    " " * 500,
    "\n" * 77,
    "\t" * 33,
    " \n \r\n\t \n",
    "-" * 300,
    "=" * 17,
    "|---|---|---|\n",
    "<|endoftext|><|im_start|>system",
    "RSAPrivateKey MIMEMixin DBInstance",
    "aGVsbG8gd29ybGQ=" * 8,
    "0123456789" * 7,
    "\u202e\u200b\U000e0041\ufeff\x00\x1b",
    "'model's'tuff f'data' b'string'",
    "\ud800 alone",
]


def real(text: str) -> int:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return max(int(O200K.count(text)), int(CL100K.count(text)))


@pytest.mark.parametrize("text", [*NOTES, *LOGS, *HARD])
def test_the_estimate_is_never_below_the_real_encodings(text: str) -> None:
    assert tokens.estimate(text) >= real(text)


def corpus() -> list[str]:
    made = random.Random(1)
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "autoresearch").rglob("*.py"))]
    library = [inspect.getsource(module) for module in (json, subprocess, threading, inspect, base64, random)]
    noise = [made.randbytes(32).hex() for _ in range(200)]
    noise += [base64.b64encode(made.randbytes(60)).decode() for _ in range(200)]
    noise += [repr(made.random() * 10 ** made.randint(-6, 6)) for _ in range(200)]
    diffs = ["".join(f"{made.choice('+- ')}{line}\n" for line in text.splitlines()) for text in library]
    documents = [json.dumps({"note": note, "score": made.random(), "files": ["train.py"]}) for note in NOTES]
    return [*sources, *library, *noise, *diffs, *documents]


def test_no_source_file_diff_digest_or_document_is_undercounted_by_line_or_as_a_whole() -> None:
    for text in corpus():
        assert tokens.estimate(text) >= real(text), text[:200]
        for line in text.splitlines(keepends=True):
            assert tokens.estimate(line) >= real(line), line


def test_the_estimate_is_within_half_of_the_truth_on_notes_and_sources() -> None:
    texts = [*NOTES[:5], *LOGS[:3], inspect.getsource(subprocess)]
    assert sum(map(tokens.estimate, texts)) <= 1.5 * sum(map(real, texts))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
@example("\u0f00\u0f71\u0f72" * 9)
def test_any_text_at_all_is_not_undercounted(text: str) -> None:
    assert tokens.estimate(text) >= real(text)


WRITTEN = st.text(
    alphabet=st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ 0123456789\n\t.,:;-_=+/\\\"'()[]{}<>#*`|~")
)


@settings(max_examples=300, deadline=None)
@given(WRITTEN)
def test_any_typed_text_is_not_undercounted(text: str) -> None:
    assert tokens.estimate(text) >= real(text)


def test_every_word_of_the_table_costs_what_it_says_after_any_mark() -> None:
    costs = tokens._costs()
    for word in random.Random(2).sample(sorted(costs.spaced), 1500):
        if word.isalpha():
            assert costs.spaced[word] == real(" " + word), word
            for mark in ["", "\t", *"\"'(_.=/-`:"]:
                assert real(mark + word) <= len(mark) + costs.other[word], (mark, word)


def test_what_is_remembered_of_strangers_text_is_bounded() -> None:
    costs = tokens._costs()
    tokens.estimate(
        " ".join(f"w{number:x}" + "z" * (number % 90) for number in range(60_000)).translate(
            {48 + d: 97 + d for d in range(10)}
        )
    )
    assert len(costs) <= tokens._REMEMBERED
    assert all(len(piece) <= tokens._LONG for piece in costs)


def test_counting_opens_no_socket_and_changes_no_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tokens, "_found", [])
    assert tokens.counter() == tokens.Counter("estimate", exact=False, count=len)
    assert tokens.count("two words") == tokens.estimate("two words") == 2
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_on_disk_is_left_alone_and_the_estimate_is_used(tmp_path: Path) -> None:
    file = tmp_path / tokens._ENCODINGS[0].file
    file.write_bytes(b"bm90IGl0 0\n")
    assert tokens._exact(tmp_path) is None
    assert file.read_bytes() == b"bm90IGl0 0\n"


def test_the_cache_folder_is_tiktokens_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))
    assert tokens._cache_folder() == tmp_path
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert tokens._cache_folder() is None
    assert tokens._exact(None) is None


def cached_file(peer: Any, size: int) -> bytes:
    """The file tiktoken would have on disk, less tokens that are parts of characters (they have no text)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    single = [*plain, *(byte for byte in range(256) if byte not in plain)]
    ranks = {bytes([byte]): rank for rank, byte in enumerate(single)}
    for rank in range(256, size):
        text = peer.decode([rank])
        if text is not None:
            ranks[text.encode()] = rank
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())


@pytest.mark.parametrize(("place", "peer", "size"), [(0, O200K, 199_998), (1, CL100K, 100_256)])
def test_an_encoding_on_disk_gives_the_counts_of_its_peer(
    place: int, peer: Any, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = tokens._ENCODINGS[place]
    data = cached_file(peer, size)
    (tmp_path / encoding.file).write_bytes(data)
    known = replace(encoding, sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(tokens, "_ENCODINGS", (known,))
    monkeypatch.setattr(tokens, "_found", [])
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(socket, "socket", None)
    found: list[tokens.Counter] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.counter())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(each) for each in found} == {id(tokens.counter())}
    assert tokens.counter() == tokens.Counter(encoding.name, exact=True, count=len)
    for text in filter(str.isascii, [*NOTES, *LOGS, *HARD, *corpus()]):
        assert tokens.count(text) == peer.count(text), text[:80]


def test_importing_the_module_loads_no_tokenizer() -> None:
    code = "import sys, autoresearch.tokens; sys.exit('tiktoken' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
