from __future__ import annotations

import ast
from collections import Counter
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch import shipped
from autoresearch.drivers.base import Assignment, Proposal
from autoresearch.errors import Invalid, TrialError
from autoresearch.loop import edits
from autoresearch.loop.history import Move, note_of, read_history
from autoresearch.loop.offline import OfflineAgent
from autoresearch.loop.profile import BlockRange, ConstantRange, Profile, load_profile

FILE = "import x\n\nLR = 0.05  # rate\nSTEPS = 100\nname = 3\nlower = 1\nNEG=-2.5e-3\n\nLR = 7\n"
NOTHING: dict[str, Any] = {"frontier": [], "recent": []}


def charlm() -> Traversable:
    return shipped.root("agents") / "offline" / "charlm"


def brief(*rows: tuple[str, float | None, bool]) -> dict[str, Any]:
    """A brief in which these (note, gain, advanced) were tried in order."""
    recent = [{"number": n, "note": note, "gain": gain} for n, (note, gain, _) in enumerate(rows, 1)]
    return {"recent": recent, "frontier": [recent[n] for n, row in enumerate(rows) if row[2]]}


def asked(brief: dict[str, Any], folder: Path) -> Assignment:
    return Assignment(brief=brief, folder=folder, scratch=folder)


def propose(
    folder: Path, known: dict[str, Any], *, seed: int = 0, profile: Profile | None = None
) -> Proposal:
    found = OfflineAgent(seed, profile).propose(asked(known, folder))
    assert found is not None
    return found


def proposals(folder: Path, known: dict[str, Any], profile: Profile, seeds: int = 60) -> Counter[str]:
    return Counter(propose(folder, known, seed=seed, profile=profile).note for seed in range(seeds))


def test_constants_are_found_and_replaced_without_touching_the_rest() -> None:
    assert edits.constants(FILE) == {"LR": "0.05", "STEPS": "100", "NEG": "-2.5e-3"}
    changed = edits.with_constant(FILE, "LR", "0.1")
    assert changed == FILE.replace("LR = 0.05", "LR = 0.1")
    with pytest.raises(Invalid, match="no constant 'name'"):
        edits.with_constant(FILE, "name", "1")


def test_blocks_are_found_and_replaced_whole() -> None:
    text = "# [block: a]\nx = 1\n# [end]\n\n# [block: b]\n# [end]\n# [block: open]\nz\n"
    assert edits.blocks(text) == {"a": "x = 1\n", "b": ""}
    assert edits.blocks(edits.with_block(text, "b", "y = 2\n")) == {"a": "x = 1\n", "b": "y = 2\n"}
    with pytest.raises(Invalid, match="no block 'open'"):
        edits.with_block(text, "open", "")


@given(st.text("# [block: a]\nend=1AB", max_size=200))
def test_any_text_comes_back_when_every_value_is_replaced_by_itself(text: str) -> None:
    for name, literal in edits.constants(text).items():
        assert edits.with_constant(text, name, literal) == text
    for name, body in edits.blocks(text).items():
        if text.count(f"[block: {name}]") == 1:
            assert edits.with_block(text, name, body) == text


def test_moves_are_read_back_from_the_notes_they_were_written_in() -> None:
    moves = (Move("LR", "0.05", "0.2"), Move("schedule", "constant", "linear"))
    known = brief(
        ("baseline", None, True),
        (note_of(moves, "why -> not: x 1 -> 2"), 0.3, True),
        ("free text", None, False),
    )
    history = read_history(known)
    assert [attempt.moves for attempt in history.attempts] == [moves]
    assert history.attempts[0].advanced
    assert history.experiments == 3


def test_the_same_seed_brief_and_file_give_the_same_proposal(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FILE)
    first, second = (propose(tmp_path, NOTHING, seed=5) for _ in range(2))
    assert first == second
    assert len({propose(tmp_path, NOTHING, seed=seed).note for seed in range(20)}) > 3


def test_every_shipped_alternative_makes_a_file_that_parses(tmp_path: Path) -> None:
    text, profile = (charlm() / "train.py.txt").read_text(), load_profile(charlm())
    assert set(edits.blocks(text)) == set(profile.blocks)
    assert set(edits.constants(text)) == set(profile.constants)
    for name, block in profile.blocks.items():
        assert edits.blocks(text)[name] in block.bodies.values()
        for body in block.bodies.values():
            ast.parse(edits.with_block(text, name, body))


def test_a_value_that_failed_is_not_tried_again_soon(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 1.0\n")
    profile = Profile(constants={"LR": ConstantRange(step=4.0)})
    assert set(proposals(tmp_path, NOTHING, profile)) == {
        "LR 1.0 -> 4: it may be too small",
        "LR 1.0 -> 0.25: it may be too large",
    }
    known = brief(("LR 1.0 -> 4: up", -0.1, False))
    said = proposals(tmp_path, known, profile)
    assert set(said) == {"LR 1.0 -> 2: it may be too small", "LR 1.0 -> 0.25: it may be too large"}
    assert said["LR 1.0 -> 0.25: it may be too large"] > said["LR 1.0 -> 2: it may be too small"]


def test_an_alternative_that_failed_is_left_for_the_others(tmp_path: Path) -> None:
    bodies = {"a": "x = 1\n", "b": "x = 2\n", "c": "x = 3\n"}
    profile = Profile(blocks={"way": BlockRange(bodies=bodies, options=dict.fromkeys(bodies, "why"))})
    (tmp_path / "train.py").write_text("# [block: way]\nx = 1\n# [end]\n")
    assert set(proposals(tmp_path, NOTHING, profile)) == {"way a -> b: why", "way a -> c: why"}
    known = brief(("way a -> b: why", -0.1, False))
    assert set(proposals(tmp_path, known, profile)) == {"way a -> c: why"}
    assert "x = 3\n" in propose(tmp_path, known, profile=profile).edits["train.py"]


def test_a_failure_may_be_tried_again_after_the_best_has_changed_often(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 1.0\n")
    profile = Profile(constants={"LR": ConstantRange(step=4.0)})
    wins = [(f"OTHER {n} -> {n + 1}: better", 0.1, True) for n in range(4)]
    known = brief(("LR 1.0 -> 4: up", -0.1, False), *wins)
    assert "LR 1.0 -> 4: it may be too small" in proposals(tmp_path, known, profile)


def test_a_direction_that_won_is_followed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 4.0\n")
    profile = Profile(constants={"LR": ConstantRange(step=4.0)})
    said = proposals(tmp_path, brief(("LR 1.0 -> 4.0: up", 0.5, True)), profile)
    assert said["LR 4.0 -> 16: it may be too small"] > 50
    assert "LR 4.0 -> 1: it may be too large" not in said or said["LR 4.0 -> 1: it may be too large"] < 10


def test_a_value_is_left_alone_when_both_sides_failed_closely(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 1.0\n")
    profile = Profile(constants={"LR": ConstantRange(step=2.0)})
    known = brief(
        *[(f"LR 1.0 -> {after}: no", -0.1, False) for after in ("2", "1.4", "1.2", "0.5", "0.71", "0.84")]
    )
    assert OfflineAgent(0, profile).propose(asked(known, tmp_path)) is None


def test_changes_that_each_helped_a_little_are_tried_together(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("A = 1\nB = 1\nC = 8\n")
    known = brief(("A 1 -> 2: try", 0.01, False), ("B 1 -> 2: try", 0.02, False))
    together = [
        note for note in proposals(tmp_path, known, Profile()) if note.startswith("A 1 -> 2, B 1 -> 2: ")
    ]
    assert len(together) == 1
    again = brief(*[(row["note"], row["gain"], False) for row in known["recent"]], (together[0], -0.1, False))
    assert together[0] not in proposals(tmp_path, again, Profile())


def test_a_constant_that_is_off_can_be_switched_on_and_off_again(tmp_path: Path) -> None:
    profile = Profile(constants={"CLIP": ConstantRange(off=0.0, start=1.0, low=0.5, high=8.0)})
    (tmp_path / "train.py").write_text("CLIP = 0.0\n")
    assert set(proposals(tmp_path, NOTHING, profile)) == {"CLIP 0.0 -> 1: it may be too small"}
    (tmp_path / "train.py").write_text("CLIP = 1\n")
    assert "CLIP 1 -> 0.0: it may be too large" in proposals(tmp_path, NOTHING, profile)


def test_values_stay_within_their_range_and_integers_whole(tmp_path: Path) -> None:
    profile = Profile(constants={"N": ConstantRange(low=8, high=20, integer=True)})
    (tmp_path / "train.py").write_text("N = 13\n")
    assert set(proposals(tmp_path, NOTHING, profile)) == {
        "N 13 -> 20: it may be too small",
        "N 13 -> 8: it may be too large",
    }


def test_a_file_without_anything_to_change_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('val: 1')\n")
    assert OfflineAgent().propose(asked(NOTHING, tmp_path)) is None


def test_a_file_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match=r"train\.py"):
        OfflineAgent().propose(asked(NOTHING, tmp_path))


@pytest.mark.parametrize(
    "search",
    ["", "nonsense = [", "[constants.LR]\nstep = 0.5", "[constants.LR]\nspeed = 2", "[constants.LR]\nlow = 0",
     "[constants.LR]\noff = 0", "[blocks.a]\nweight = 1", "[blocks.a.options]\nmissing = 'why'"],
)  # fmt: skip
def test_a_profile_that_is_off_is_one_clear_error(tmp_path: Path, search: str) -> None:
    if search:
        (tmp_path / "search.toml").write_text(search)
    with pytest.raises(Invalid) as caught:
        load_profile(tmp_path)
    assert caught.value.hint


def test_hostile_notes_lead_to_no_move_outside_the_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("LR = 1.0\n")
    known = brief(
        ("LR 1.0 -> __import__('os'): x", 0.1, False),
        ("NOPE 1 -> 2: x", 0.1, False),
        ("LR 1.0 -> 1e999: y", 0.1, False),
        ("LR nan -> x: y", 1, True),
    )
    for seed in range(20):
        text = propose(tmp_path, known, seed=seed).edits["train.py"]
        assert text in {"LR = 2\n", "LR = 1.4\n", "LR = 0.5\n"}
