from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.research.changes import Edit, change_key, changed_lines, from_note, from_patch, similarity


def patch(old: str, new: str, path: str = "train.py", inside: str = "") -> str:
    removed, added = old.splitlines(), new.splitlines()
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    body = "".join(f"-{line}\n" for line in removed) + "".join(f"+{line}\n" for line in added)
    return f"{head}@@ -1,{len(removed)} +1,{len(added)} @@ {inside}\n{body}"


@pytest.mark.parametrize(
    ("old", "new", "subject", "before", "after"),
    [
        ("LR = 0.04", "LR = 0.06", "LR", "0.04", "0.06"),
        ("LR: float = 0.04  # tuned", "LR: float = 0.06  # better", "LR", "0.04", "0.06"),
        ("self.lr = 1e-3", "self.lr = -3e-4", "lr", "1e-3", "-3e-4"),
        ("TOTAL = 2**19", "TOTAL = 2**18", "TOTAL", "2**19", "2**18"),
        ("opt = AdamW(p, lr=0.1, eps=1e-8)", "opt = AdamW(p, lr=0.2, eps=1e-8)", "lr", "0.1", "0.2"),
        ("opt = Adam(betas=(0.9, 0.95))", "opt = Adam(betas=(0.9, 0.99))", "betas[1]", "0.95", "0.99"),
        ("    x = Linear(512, 1024)", "    x = Linear(512, 2048)", "Linear[1]", "1024", "2048"),
        ('cfg = {"act": "relu", "n": 2}', 'cfg = {"act": "gelu", "n": 2}', "act", '"relu"', '"gelu"'),
        ('cfg["lr"] = 0.1', 'cfg["lr"] = 0.2', "lr", "0.1", "0.2"),
        ("USE_BIAS = True", "USE_BIAS = False", "USE_BIAS", "True", "False"),
        ("lr: 0.1", "lr: 0.2", "lr", "0.1", "0.2"),
        ("python train.py --lr 0.1", "python train.py --lr 0.2", "lr", "0.1", "0.2"),
        ("def step(lr: float = 0.1):", "def step(lr: float = 0.2):", "lr", "0.1", "0.2"),
        ("    x = F.relu(x)", "    x = F.gelu(x)", "x", "relu", "gelu"),
    ],
)
def test_a_changed_value_is_an_edit_of_its_name(
    old: str, new: str, subject: str, before: str, after: str
) -> None:
    assert from_patch(patch(old, new)) == [Edit(f"train.py:{subject}", before, after)]


def test_two_values_on_one_line_are_two_edits() -> None:
    found = from_patch(patch("f(a=1, b=2)", "f(a=3, b=4)"))
    assert [str(edit) for edit in found] == ["train.py:a 1 -> 3", "train.py:b 2 -> 4"]


def test_other_changes_name_the_function_around_them() -> None:
    text = patch("    y = x", "    y = x * gate\n    y = norm(y)", inside="def forward(self, x):")
    assert from_patch(text) == [Edit("train.py:forward", "y = x", "y = x * gate; y = norm(y)")]


def test_a_definition_inside_the_hunk_counts_for_what_follows_it() -> None:
    text = "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,3 @@\n def one():\n-    go(far)\n+    stay(a, b)\n \n"
    assert from_patch(text)[0].subject == "m.py:one"


def test_comments_and_white_space_alone_are_no_edit_of_a_value() -> None:
    assert from_patch(patch("LR = 0.1", "LR  =  0.1")) == []


def test_files_as_such_are_edits() -> None:
    text = (
        "diff --git a/new.py b/new.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+LR = 1\n"
        "diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "diff --git a/w.bin b/w.bin\nindex 1..2 100644\nBinary files a/w.bin and b/w.bin differ\n"
    )
    assert [(edit.subject, edit.after) for edit in from_patch(text)] == [
        ("new.py", "new file"),
        ("gone.py", "deleted"),
        ("w.bin", "binary changed"),
    ]


def git(folder: Path, *words: str) -> str:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_a_real_patch_is_read_whatever_context_git_gives(tmp_path: Path) -> None:
    lines = [f"def f{n}():\n    return {n}\n\n" for n in range(20)]
    (tmp_path / "a b.py").write_text("LR = 0.04\n" + "".join(lines) + "-- old\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    (tmp_path / "a b.py").write_text(
        "LR = 0.06\n" + "".join(lines).replace("return 7\n", "return 70\n") + "++ new\n"
    )
    wide, bare = git(tmp_path, "diff"), git(tmp_path, "diff", "-U0")
    first, second, third = from_patch(wide)
    assert first == Edit("a b.py:LR", "0.04", "0.06")
    assert (second.subject.split(":")[0], second.before, second.after) == ("a b.py", "7", "70")
    assert (third.before, third.after) == ("-- old", "++ new")
    assert wide != bare
    assert change_key(wide) == change_key(bare) != ""


def test_the_key_sees_past_white_space_and_line_numbers_but_not_past_values_or_files() -> None:
    key = change_key(patch("LR = 0.1", "LR = 0.2"))
    assert key == change_key(patch("LR  = 0.1", "  LR = 0.2 ").replace("@@ -1,1 +1,1", "@@ -9,1 +9,1"))
    assert key != change_key(patch("LR = 0.1", "LR = 0.3"))
    assert key != change_key(patch("LR = 0.5", "LR = 0.2"))
    assert key != change_key(patch("LR = 0.1", "LR = 0.2", path="other.py"))
    assert key != change_key(patch("LR = 0.2", "LR = 0.1"))
    assert change_key("") == change_key("no patch at all") == ""


def test_the_key_does_not_depend_on_the_order_of_files() -> None:
    one, two = patch("a", "b", path="one.py"), patch("c", "d", path="two.py")
    assert change_key(one + two) == change_key(two + one) != change_key(one)


def test_likeness_orders_changes_as_a_reader_would() -> None:
    base, near, far = (
        changed_lines(patch("LR = 0.04", new))
        for new in ("LR = 0.06", "LR = 0.07", "model = Mamba(4)\nwarm = 3")
    )
    assert similarity(base, base) == 1.0
    assert 1.0 > similarity(base, near) > similarity(base, far) > 0.0
    assert similarity([], base) == similarity([], []) == 0.0


@pytest.mark.parametrize(
    ("note", "edits"),
    [
        ("matrix_lr 0.04->0.06 — val_bpb regressed 1.960->2.064", ["matrix_lr 0.04 -> 0.06"]),
        ("depth=4 → 6", ["depth 4 -> 6"]),
        ("swap relu for gelu", ["relu relu -> gelu"]),
        ("embedding LR 0.6 to 0.8", ["embedding_lr 0.6 -> 0.8"]),
        ("RoPE base frequency 10K to 200K", ["rope_base_frequency 10K -> 200K"]),
        ("batch 2^15->2^14, device_batch 16->8 - faster", ["batch 2^15 -> 2^14", "device_batch 16 -> 8"]),
        ("change default window pattern from SSSL to SSLL", ["window_pattern SSSL -> SSLL"]),
        ("halve weight decay again to 0.05", ["weight_decay = 0.05"]),
        ("[Phase1:Adam] LR=5e-4 with ACCUM=10", ["lr = 5e-4", "accum = 10"]),
        (
            "TOTAL_BATCH_SIZE 2**17 DEVICE_BATCH_SIZE 64",
            ["total_batch_size = 2**17", "device_batch_size = 64"],
        ),
        ("WINDOW_PATTERN SLSL", ["window_pattern = SLSL"]),
        ("add 5% warmup", ["warmup = 5%"]),
        ("remove logit cap", ["logit_cap without present"]),
        ("raise lr to 0.5 while keeping beta1=0.9", ["lr = 0.5"]),
        ("baseline", []),
        ("we thought hard about the loss surface and its many valleys", []),
        ("", []),
    ],
)
def test_a_note_gives_the_edits_it_speaks_of(note: str, edits: list[str]) -> None:
    assert [str(edit) for edit in from_note(note)] == edits


def test_metrics_in_a_note_are_no_edits() -> None:
    assert from_note("val_bpb 2.0->1.9, lr 1->2", metrics=["val_bpb"]) == [Edit("lr", "1", "2")]


FRAGMENT = st.sampled_from(
    [
        "diff --git a/x b/x\n",
        "--- a/x\n",
        "+++ b/x\n",
        "@@ -1,2 +1,2 @@ def f\n",
        "-a = 1\n",
        "+a = 2\n",
        " c\n",
        "\\ No newline\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAGMENT | st.text(max_size=20), max_size=20).map("".join))
def test_any_text_gives_bounded_clean_edits(text: str) -> None:
    for edit in [*from_patch(text), *from_note(text)]:
        assert len(edit.before) <= 160
        assert len(edit.after) <= 160
        assert not set("\n\r\t") & set(edit.subject + edit.before + edit.after)
    key = change_key(text)
    assert len(key) in {0, 64}
    lines = changed_lines(text)
    assert (similarity(lines, lines) == 1.0) == bool(lines)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [
        "1_" * 500,
        "9" * 900 + "abcd",
        '"' * 900,
        "((((" * 200,
        "a=" * 400,
        "a -> " * 180,
        "from to " * 200,
        "((" * 500,
        "a b " * 250,
        "0.1 to " * 200,
    ],
)
def test_hostile_lines_cost_little(line: str) -> None:
    assert len(from_patch(patch("\n".join([line] * 200), "\n".join([line + "1"] * 200)))) <= 64
    assert len(from_note(line * 3)) <= 64
