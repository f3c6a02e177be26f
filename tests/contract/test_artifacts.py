from __future__ import annotations

from typing import Any

import pytest

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger
from autoresearch.records.artifact import RefRequest, Version, VersionRequest
from autoresearch.records.ids import new_id
from tests.contract_helpers import PROJECT, decide, experiment, goal, kept, session, stored_tree


def logged(ledger: Ledger, content: str, produced_by: str | None = None, **values: Any) -> Version:
    tree = stored_tree(ledger, content.encode())
    given = {"project": PROJECT, "artifact": "model", "type": "model", "size": 1, "files": 1, **values}
    return ledger.artifacts.log(VersionRequest.make(id=new_id(), tree=tree, produced_by=produced_by, **given))


def move(ledger: Ledger, ref: str, version: str, expected: str | None = None) -> Version:
    request = RefRequest.make(artifact="model", ref=ref, version=version, expected=expected)
    return ledger.artifacts.move_ref(request)


def winner(ledger: Ledger) -> str:
    return ledger.artifacts.version("model", "winner").version


def test_versions_are_numbered_and_identical_bytes_give_the_same_version(ledger: Ledger) -> None:
    assert logged(ledger, "one").version == "v1"
    assert logged(ledger, "two").version == "v2"
    assert logged(ledger, "one").version == "v1"
    assert ledger.artifacts.version("model").version == "v2"
    assert [v.version for v in ledger.artifacts.versions("model").items] == ["v1", "v2"]


def test_the_versions_that_an_experiment_made_are_found_from_it(ledger: Ledger) -> None:
    opened = session(ledger).id
    one, other = experiment(ledger, opened), experiment(ledger, opened)
    for content in ("one", "two"):
        logged(ledger, content, one.id)
    logged(ledger, "two", other.id)
    logged(ledger, "of nobody")
    logged(ledger, "three", one.id, artifact="another")
    found = ledger.artifacts.versions_of(one.id)
    assert [(each.artifact, each.version) for each in found] == [
        ("another", "v1"),
        ("model", "v1"),
        ("model", "v2"),
    ]
    assert [each.version for each in ledger.artifacts.versions_of(other.id)] == ["v2"]
    assert ledger.artifacts.versions_of(experiment(ledger, opened).id) == ()
    with pytest.raises(NotFound):
        ledger.artifacts.versions_of(new_id())


def test_a_kept_decision_that_advances_promotes_what_the_experiment_produced(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    a, b, c = (experiment(ledger, opened) for _ in range(3))
    for made, content in ((a, "one"), (b, "two"), (c, "three")):
        logged(ledger, content, made.id)
    decide(ledger, a.id, "keep", 3.0)
    assert winner(ledger) == "v1"
    decide(ledger, b.id, "keep", 2.0)
    assert winner(ledger) == "v2"
    decide(ledger, c.id, "keep", 2.5)
    assert winner(ledger) == "v2"
    assert "winner" in ledger.artifacts.version("model", "v2").refs


def test_winner_moves_back_when_the_best_is_superseded(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    a, b = kept(ledger, opened, [3.0, 2.0])
    logged(ledger, "one", a.id)
    logged(ledger, "two", b.id)
    assert winner(ledger) == "v2"
    decide(ledger, b.id, "drop", 3.3)
    assert winner(ledger) == "v1"
    decide(ledger, a.id, "crash")
    with pytest.raises(NotFound, match="no 'winner'"):
        winner(ledger)


def test_an_artifact_logged_after_the_verdict_is_promoted_as_well(ledger: Ledger) -> None:
    goal(ledger)
    (best,) = kept(ledger, session(ledger).id, [2.0])
    logged(ledger, "bytes", best.id)
    assert winner(ledger) == "v1"


def test_a_best_that_produced_nothing_leaves_winner_where_it_is(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    (first,) = kept(ledger, opened, [2.0])
    logged(ledger, "bytes", first.id)
    kept(ledger, opened, [1.0])
    assert winner(ledger) == "v1"


def test_a_verdict_in_an_old_segment_leaves_the_winner_alone(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    a, b = kept(ledger, opened, [3.0, 2.0])
    logged(ledger, "one", a.id)
    logged(ledger, "two", b.id)
    goal(ledger, metric="accuracy", direction="max")
    assert winner(ledger) == "v2"
    decide(ledger, b.id, "drop", 5.0)
    assert winner(ledger) == "v2"
    (c,) = kept(ledger, opened, [0.5])
    logged(ledger, "three", c.id)
    assert winner(ledger) == "v3"


def test_refs_move_and_compare_and_set_refuses_a_stale_view(ledger: Ledger) -> None:
    logged(ledger, "one")
    logged(ledger, "two")
    move(ledger, "production", "v1", expected="")
    assert ledger.artifacts.version("model", "production").version == "v1"
    with pytest.raises(Conflict, match="is at v1, not at v2"):
        move(ledger, "production", "v1", expected="v2")
    move(ledger, "production", "latest", expected="v1")
    assert ledger.artifacts.version("model", "production").version == "v2"


def test_a_person_may_promote_by_hand_and_the_next_best_moves_on(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    a, b = kept(ledger, opened, [3.0, 2.0])
    logged(ledger, "one", a.id)
    logged(ledger, "two", b.id)
    move(ledger, "winner", "v1")
    decide(ledger, experiment(ledger, opened).id, "drop", 5.0)
    assert winner(ledger) == "v1"
    c = experiment(ledger, opened)
    logged(ledger, "three", c.id)
    decide(ledger, c.id, "keep", 1.0)
    assert winner(ledger) == "v3"


@pytest.mark.parametrize("ref", ["latest", "v7"])
def test_built_in_names_cannot_be_moved(ledger: Ledger, ref: str) -> None:
    logged(ledger, "one")
    with pytest.raises(Invalid, match="built in"):
        move(ledger, ref, "v1")


def test_lineage_goes_both_ways(ledger: Ledger) -> None:
    goal(ledger)
    opened = session(ledger).id
    maker = experiment(ledger, opened)
    version = logged(ledger, "bytes", maker.id)
    user = experiment(ledger, opened, uses=("model:v1",))
    assert (version.produced_by, user.uses) == (maker.id, ("model:v1",))
    assert ledger.artifacts.version("model", "v1").used_by == (user.id,)
    with pytest.raises(NotFound, match="model:v9"):
        experiment(ledger, opened, uses=("model:v9",))


def test_two_experiments_that_make_the_same_bytes_share_the_version(ledger: Ledger) -> None:
    goal(ledger)
    a, b = kept(ledger, session(ledger).id, [3.0, 2.0])
    assert logged(ledger, "same", a.id).version == logged(ledger, "same", b.id).version == "v1"
    assert ledger.artifacts.version("model", "winner").producers == (a.id, b.id)


def test_a_name_belongs_to_one_project_and_type(ledger: Ledger) -> None:
    logged(ledger, "one")
    with pytest.raises(Conflict, match="is a 'model'"):
        logged(ledger, "two", type="dataset")
    with pytest.raises(Conflict, match=PROJECT):
        logged(ledger, "two", project="other")


def test_a_version_names_only_bytes_that_are_stored(ledger: Ledger) -> None:
    request = VersionRequest.make(
        id=new_id(), project=PROJECT, artifact="model", tree="0" * 64, size=1, files=1
    )
    with pytest.raises(NotFound, match="was not stored"):
        ledger.artifacts.log(request)


def test_artifacts_are_listed_by_type(ledger: Ledger) -> None:
    logged(ledger, "one")
    logged(ledger, "two", artifact="data", type="dataset")
    assert [a.name for a in ledger.artifacts.artifacts().items] == ["data", "model"]
    (model,) = ledger.artifacts.artifacts(type="model").items
    assert (model.versions, model.refs) == (1, {"latest": "v1"})


def test_unknown_artifacts_and_refs_are_not_found(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no artifact 'nothing'"):
        ledger.artifacts.version("nothing")
    logged(ledger, "one")
    with pytest.raises(NotFound, match="no 'v2'"):
        ledger.artifacts.version("model", "v2")
