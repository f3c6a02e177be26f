"""Folders in which runs lie, and annotations on runs."""

from __future__ import annotations

import datetime
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoresearch.errors import Conflict, Invalid, NotFound
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.local.ledger import LocalLedger
from autoresearch.records.folder import MOST_DEEP, AnnotationRequest, Folder, FolderEdit, FolderRequest
from autoresearch.records.ids import new_id
from autoresearch.records.run import RunEdit, RunQuery
from autoresearch.track.folder_tree import FolderTree
from tests.run_batches import PROJECT, Writer


def folder(ledger: Ledger, name: str, parent: Folder | None = None) -> Folder:
    request = FolderRequest.make(id=new_id(), name=name, parent_id=parent.id if parent else None)
    return ledger.folders.create(request)


def edit(ledger: Ledger, one: Folder, **values: Any) -> Folder:
    return ledger.folders.edit(FolderEdit.make(folder_id=one.id, **values))


def moved(ledger: Ledger, run: str, **values: Any) -> Any:
    return ledger.runs.edit(RunEdit.make(run_id=run, **values))


def names(ledger: Ledger, one: Folder | None = None) -> list[str]:
    return [each.name for each in ledger.folders.contents(one.id if one else None).folders]


def test_a_folder_says_where_it_lies(ledger: Ledger) -> None:
    sweeps = folder(ledger, "sweeps")
    lr = folder(ledger, "lr", sweeps)
    fine = folder(ledger, "fine: 1e-4 \\ 1e-3", lr)
    assert (sweeps.parent_id, sweeps.parent_id_path, sweeps.path_name) == (None, (), "sweeps")
    assert (fine.parent_id, fine.parent_id_path) == (lr.id, (sweeps.id, lr.id))
    assert fine.path_name == "sweeps/lr/fine: 1e-4 \\ 1e-3"
    assert ledger.folders.folder(fine.id) == fine
    assert ledger.folders.find("/sweeps/lr/") == lr
    assert list(every(lambda cursor: ledger.folders.folders(limit=2, cursor=cursor))) == [sweeps, lr, fine]
    assert sweeps.actor.name == "ada"


def test_making_a_folder_twice_with_one_id_makes_one(ledger: Ledger) -> None:
    request = FolderRequest.make(id=new_id(), name="sweeps")
    assert ledger.folders.create(request) == ledger.folders.create(request)
    with pytest.raises(Conflict):
        ledger.folders.create(request.model_copy(update={"name": "other"}))
    assert names(ledger) == ["sweeps"]


def test_a_name_stands_once_beside_its_siblings(ledger: Ledger) -> None:
    sweeps = folder(ledger, "sweeps")
    folder(ledger, "sweeps", sweeps)
    with pytest.raises(Conflict) as refused:
        folder(ledger, "sweeps")
    assert refused.value.details == {"id": sweeps.id}
    other = folder(ledger, "other")
    with pytest.raises(Conflict):
        edit(ledger, other, name="sweeps")
    with pytest.raises(Conflict):
        edit(ledger, other, name="sweeps", parent_id=sweeps.id)
    assert names(ledger) == ["other", "sweeps"]


@pytest.mark.parametrize("name", ["", "a/b", ".", "..", " a", "a\n", "a\0", "x" * 201])
def test_what_cannot_be_a_name_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(Invalid):
        folder(ledger, name)
    if "/" not in name:
        with pytest.raises(Invalid):
            ledger.folders.make(f"above/{name}/below")
    assert names(ledger) == []


def test_a_path_is_made_with_what_is_missing_of_it(ledger: Ledger) -> None:
    lr = ledger.folders.make("sweeps/lr")
    assert ledger.folders.make("sweeps/lr") == lr
    wd = ledger.folders.make("sweeps/wd")
    assert wd.parent_id == lr.parent_id
    assert names(ledger) == ["sweeps"]
    with pytest.raises(NotFound):
        ledger.folders.find("sweeps/lr/fine")
    with pytest.raises(Invalid):
        ledger.folders.make("a/" * MOST_DEEP + "a")


def test_an_unknown_parent_or_folder_is_not_found(ledger: Ledger) -> None:
    one = folder(ledger, "one")
    calls: list[Callable[[], object]] = [
        lambda: ledger.folders.create(FolderRequest.make(id=new_id(), name="x", parent_id=new_id())),
        lambda: edit(ledger, one, parent_id=new_id()),
        lambda: ledger.folders.edit(FolderEdit.make(folder_id=new_id(), name="x")),
        lambda: ledger.folders.folder(new_id()),
        lambda: ledger.folders.contents(new_id()),
        lambda: ledger.folders.remove(new_id()),
        lambda: moved(ledger, Writer(ledger).open().run, folder_id=new_id()),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()


def test_a_folder_is_renamed_and_moved_with_what_lies_in_it(ledger: Ledger) -> None:
    a, b = folder(ledger, "a"), folder(ledger, "b")
    inner = folder(ledger, "inner", a)
    run = Writer(ledger).open().run
    moved(ledger, run, folder_id=inner.id)
    assert edit(ledger, a, name="first", parent_id=b.id).path_name == "b/first"
    assert ledger.folders.folder(inner.id).parent_id_path == (b.id, a.id)
    assert ledger.runs.run(run).folder == "b/first/inner"
    back = edit(ledger, a, to_root=True)
    assert (back.parent_id, back.path_name) == (None, "first")
    assert back.updated_at > back.recorded_at
    assert edit(ledger, a, to_root=True) == back
    with pytest.raises(Invalid):
        edit(ledger, a, to_root=True, parent_id=b.id)


def test_a_folder_never_comes_to_lie_in_itself(ledger: Ledger) -> None:
    a = folder(ledger, "a")
    b = folder(ledger, "b", a)
    c = folder(ledger, "c", b)
    for inside in (a, b, c):
        with pytest.raises(Conflict):
            edit(ledger, a, parent_id=inside.id)
    assert ledger.folders.folder(c.id).path_name == "a/b/c"


def test_folders_lie_no_deeper_than_the_most(ledger: Ledger) -> None:
    deepest = ledger.folders.make("/".join(["d"] * MOST_DEEP))
    with pytest.raises(Conflict):
        folder(ledger, "more", deepest)
    pair = ledger.folders.make("x/y")
    with pytest.raises(Conflict):
        edit(ledger, ledger.folders.find("x"), parent_id=deepest.parent_id)
    assert edit(ledger, pair, parent_id=deepest.parent_id).path_name.endswith("d/y")


def test_runs_of_any_project_lie_in_a_folder(ledger: Ledger) -> None:
    sweeps, inner = folder(ledger, "sweeps"), ledger.folders.make("sweeps/inner")
    runs = [
        Writer(ledger).open(name=name, project=project).run
        for name, project in (("a", PROJECT), ("b", "other"), ("c", PROJECT))
    ]
    for run in runs[:2]:
        assert moved(ledger, run, folder_id=sweeps.id).folder == "sweeps"
    found = ledger.folders.contents(sweeps.id)
    assert (found.folder, found.folders) == (sweeps, (inner,))
    assert [run.name for run in found.runs] == ["b", "a"]
    assert found.runs[0].folder_id == sweeps.id
    first = ledger.folders.contents(sweeps.id, limit=1)
    second = ledger.folders.contents(sweeps.id, limit=1, cursor=first.next_cursor)
    assert [run.name for run in (*first.runs, *second.runs)] == ["b", "a"]
    assert second.next_cursor is None
    root = ledger.folders.contents()
    assert (root.folder, root.folders, [run.name for run in root.runs]) == (None, (sweeps,), ["c"])
    query = RunQuery.make(project=PROJECT, folder_id=sweeps.id)
    assert [run.name for run in ledger.runs.runs(query).items] == ["a"]
    assert moved(ledger, runs[0], clear=["folder_id"]).folder is None
    assert [run.name for run in ledger.folders.contents(sweeps.id).runs] == ["b"]


def test_a_run_that_opens_in_a_folder_lies_there(ledger: Ledger) -> None:
    sweeps = ledger.folders.make("sweeps")
    writer = Writer(ledger).open(folder="sweeps/lr")
    assert (writer.seen.folder, writer.seen.notices) == ("sweeps/lr", ())
    assert ledger.folders.contents(sweeps.id).folders[0].name == "lr"
    wrong = Writer(ledger).open(folder="a//b").seen
    assert (wrong.folder, len(wrong.notices)) == (None, 1)
    assert "not the path of a folder" in wrong.notices[0]


def test_only_an_empty_folder_can_be_removed(ledger: Ledger) -> None:
    sweeps, inner = folder(ledger, "sweeps"), ledger.folders.make("sweeps/inner")
    writer = Writer(ledger).open()
    moved(ledger, writer.run, folder_id=inner.id)
    for one in (sweeps, inner):
        with pytest.raises(Conflict):
            ledger.folders.remove(one.id)
    writer.finish()
    ledger.runs.remove(writer.run)
    ledger.folders.remove(inner.id)
    ledger.folders.remove(sweeps.id)
    assert names(ledger) == []


def test_what_happens_to_folders_stands_in_the_events(ledger: Ledger) -> None:
    one = folder(ledger, "one")
    edit(ledger, one, name="two")
    ledger.folders.remove(one.id)
    told = [event for event in ledger.memory.events().items if event.kind.startswith("folder.")]
    assert [event.kind for event in told] == ["folder.created", "folder.edited", "folder.removed"]
    assert {event.subject for event in told} == {one.id}
    assert (told[1].before, told[1].after) == (
        {"name": "one", "parent_id": None},
        {"name": "two", "parent_id": None},
    )


def test_fields_of_a_run_can_be_emptied_and_values_taken_out_of_its_config(ledger: Ledger) -> None:
    run = Writer(ledger).open(group="g", job_type="train", note="why", config={"lr": 1, "wd": 2}).run
    edited = moved(ledger, run, clear=["group", "note"], config={"lr": 3}, remove_config=["wd", "none"])
    assert (edited.group, edited.note, edited.job_type, edited.config) == (None, "", "train", {"lr": 3})


def annotation(run: str, text: str, **values: Any) -> AnnotationRequest:
    return AnnotationRequest.make(id=new_id(), run_id=run, text=text, **values)


def test_a_run_is_annotated_at_moments_of_its_life(ledger: Ledger) -> None:
    run = Writer(ledger).open().run
    at = datetime.datetime(2026, 5, 1, 12, 0, 0, 123457, tzinfo=datetime.UTC)
    hour = datetime.timedelta(hours=1)
    request = annotation(run, "spike <b>here</b>", metadata={"loss": 9.5, "by": ["eye"]}, at=at)
    made = ledger.runs.add_annotation(request)
    assert ledger.runs.add_annotation(request) == made
    assert (made.text, made.metadata, made.at) == (request.text, {"loss": 9.5, "by": ["eye"]}, at)
    assert made.actor.name == "ada"
    earlier = ledger.runs.add_annotation(annotation(run, "before", at=at - hour))
    now = ledger.runs.add_annotation(annotation(run, "now"))
    assert now.at == now.recorded_at
    assert ledger.runs.annotations(run).items == (made, earlier, now)
    listed = ledger.runs.annotations
    assert listed(run, since=at.timestamp()).items == (made, now)
    assert listed(run, until=at.timestamp()).items == (made, earlier)
    assert listed(run, since=(at - hour).timestamp(), until=at.timestamp() - 1).items == (earlier,)
    assert list(every(lambda cursor: listed(run, limit=1, cursor=cursor))) == [made, earlier, now]
    with pytest.raises(Invalid):
        listed(run, since=float("nan"))


def test_annotations_go_with_their_run_and_need_one(ledger: Ledger) -> None:
    writer = Writer(ledger).open()
    request = annotation(writer.run, "kept")
    ledger.runs.add_annotation(request)
    with pytest.raises(Conflict):
        ledger.runs.add_annotation(request.model_copy(update={"text": "other"}))
    with pytest.raises(NotFound):
        ledger.runs.add_annotation(annotation(new_id(), "nowhere"))
    with pytest.raises(Invalid):
        annotation(writer.run, "")
    writer.finish()
    ledger.runs.remove(writer.run)
    with pytest.raises(NotFound):
        ledger.runs.annotations(writer.run)
    run = Writer(ledger, writer.run).open().run
    assert ledger.runs.annotations(run).items == ()


_NAMES = st.sampled_from(["a", "b", "c"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_STEPS = st.one_of(
    st.tuples(st.just("make"), _PATHS, st.just("")),
    st.tuples(st.just("move"), _PATHS, _PATHS | st.just("")),
    st.tuples(st.just("rename"), _PATHS, _NAMES),
    st.tuples(st.just("remove"), _PATHS, st.just("")),
)


def moved_paths(paths: set[str], old: str, new: str) -> set[str] | None:
    """The tree after a folder got another path; None when that cannot be."""
    above = new.rpartition("/")[0]
    taken = new in paths and new != old
    if (
        old not in paths
        or taken
        or (above and above not in paths)
        or (f"{new}/".startswith(f"{old}/") and new != old)
    ):
        return None
    return {new + path[len(old) :] if f"{path}/".startswith(f"{old}/") else path for path in paths}


def expected(paths: set[str], step: tuple[str, str, str]) -> set[str] | None:
    what, path, other = step
    if what == "make":
        names = path.split("/")
        return paths | {"/".join(names[: depth + 1]) for depth in range(len(names))}
    if what == "remove":
        return paths - {path} if path in paths and not any(p.startswith(f"{path}/") for p in paths) else None
    parent, _, name = path.rpartition("/")
    if what == "move":
        return moved_paths(paths, path, f"{other}/{name}" if other else name)
    return moved_paths(paths, path, f"{parent}/{other}" if parent else other)


def done(tree: FolderTree, what: str, path: str, other: str) -> Folder:
    if what == "make":
        return tree.create(path)
    if what == "move":
        return tree.move(path, other or "/")
    return tree.rename(path, other) if what == "rename" else tree.remove(path)


@settings(max_examples=40)
@given(st.lists(_STEPS, max_size=12))
def test_the_tree_is_what_a_set_of_paths_would_be(steps: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as home, LocalLedger.open(Path(home)) as ledger:
        tree, paths = FolderTree(ledger), set[str]()
        for step in steps:
            what, path, other = step
            wanted = expected(paths, step)
            call = functools.partial(done, tree, what, path, other)
            if wanted is None:
                with pytest.raises((NotFound, Conflict)):
                    call()
            else:
                call()
                paths = wanted
            found = tree.list()
            assert {folder.path_name for folder in found} == paths
            by_id = {folder.id: folder for folder in found}
            for folder in found:
                above = [by_id[each].name for each in folder.parent_id_path]
                assert "/".join([*above, folder.name]) == folder.path_name


def test_folders_and_annotations_of_another_organization_are_not_there(tmp_path: Any) -> None:
    from autoresearch.store.objects import Objects
    from autoresearch.store.sqlite import Database

    with LocalLedger(Database(tmp_path / "ledger.sqlite"), Objects(tmp_path / "objects")) as mine:
        theirs = LocalLedger(mine.database, mine.store, organization="theirs")
        own = folder(mine, "sweeps")
        run = Writer(mine).open().run
        mine.runs.add_annotation(annotation(run, "mine"))
        assert theirs.folders.folders().items == ()
        other = folder(theirs, "sweeps")
        for call in (
            lambda: theirs.folders.folder(own.id),
            lambda: theirs.folders.remove(own.id),
            lambda: edit(theirs, own, name="taken"),
            lambda: edit(theirs, other, parent_id=own.id),
            lambda: theirs.runs.annotations(run),
            lambda: theirs.runs.add_annotation(annotation(run, "theirs")),
            lambda: theirs.folders.contents(own.id),
        ):
            with pytest.raises(NotFound):
                call()
        assert [each.name for each in mine.folders.folders().items] == ["sweeps"]
