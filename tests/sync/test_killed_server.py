"""The server is killed at random under everything at once, and each point, experiment and verdict is there once."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from autoresearch.client.keys import request_key
from autoresearch.client.synchronous import Client
from autoresearch.errors import AutoresearchError, Unavailable
from autoresearch.journal.reader import Reader
from autoresearch.journal.writer import Writer
from autoresearch.ledger.base import Ledger, every
from autoresearch.ledger.remote.ledger import RemoteLedger
from autoresearch.ledger.synced.ledger import SyncedLedger
from autoresearch.records.artifact import VersionRequest
from autoresearch.records.campaign import Campaign
from autoresearch.records.experiment import Experiment
from autoresearch.records.ids import new_id
from autoresearch.track.live.draining import drain
from autoresearch.track.live.sending import Sender
from autoresearch.track.live.servers import Server
from tests.campaign_requests import begin, claim, judge, note, update
from tests.contract_helpers import PROJECT, decide, experiment, goal, session, stored_tree
from tests.run_scripts import points
from tests.sync.mortal import Mortal


@pytest.mark.soak
def test_each_point_experiment_verdict_trial_and_version_is_there_once(tmp_path: Path, soak: bool) -> None:
    wanted = 100 if soak else 3
    with Mortal(tmp_path / "server", seed=7) as server:
        ticks = itertools.count(step=1000)  # a server that was away is asked again at once
        remote = RemoteLedger(Client(server.key, base_url=server.url, timeout=20, tries=1))
        ledger = SyncedLedger(tmp_path / "here", remote, keyed=request_key, clock=lambda: float(next(ticks)))
        sender = Sender(Server(server.url, server.key, str(tmp_path / "here")))
        writer = Writer(str(tmp_path / "here" / "journals"), new_id())
        reader = Reader(writer.folder, writer.id)
        writer.message({"op": "open", "project": PROJECT, "name": "n", "started": 1.0})
        goal(ledger)
        opened = session(ledger).id
        campaign = begin(ledger, opened)
        made, trees, step = [], [], 0
        while server.kills < wanted:
            for _ in range(50):
                writer.log({"loss": step / 3, "other": -step}, step)
                step += 1
            _sent(reader, sender)
            tried = _tried(ledger, campaign, step)
            decide(ledger, tried.id, "keep" if step % 3 else "drop", 1e6 / step)
            made.append(tried.id)
            trees.append(stored_tree(ledger, b"weights %d" % step))
            ledger.artifacts.log(_version(trees[-1]))
            if ledger.trouble is not None:
                server.up.wait(60)
        server.spare()
        while not _sent(reader, sender):
            server.up.wait(60)
        while not _all_sent(ledger):
            server.up.wait(60)
        rejected = [(change.call, change.outcome) for change in ledger.outbox.rejected()]
        ledger.close()
        sender.close()
        writer.close()
    assert rejected == []
    with server.ledger() as there:
        listed = every(lambda cursor: there.research.experiments(PROJECT, cursor=cursor))
        assert [one.id for one in listed] == made
        assert all(len(there.research.decisions(one)) == 1 for one in made)
        _are_all_there(there, campaign, made)
        versions = every(lambda cursor: there.artifacts.versions("model", cursor=cursor))
        assert [one.tree for one in versions] == trees
        assert points(there.runs, writer.run, "loss") == [(at, at / 3) for at in range(step)]
        receipt = there.runs.receipt(writer.run, verify=True)
        assert (receipt.intact, receipt.points_stored) == (True, 2 * step)
        assert list(there.snapshots.verify()) == []


def _tried(ledger: Ledger, campaign: Campaign, step: int) -> Experiment:
    """A trial from its claim to its verdict."""
    trial = claim(ledger, campaign, idea=f"step {step}")
    note(ledger, f"before {step}")
    ledger.campaigns.deliver(campaign.id, trial.id)
    tried = experiment(ledger, campaign.session_id, tree=stored_tree(ledger, b"code %d" % step))
    update(ledger, trial, "recorded", experiment_id=tried.id, input_tokens=100)
    judge(ledger, trial, "kept" if step % 3 else "dropped", cost=0.25)
    return tried


def _are_all_there(there: Ledger, campaign: Campaign, made: list[str]) -> None:
    """Each trial is counted once, and each remark was given to one."""
    now = there.campaigns.campaign(campaign.id)
    assert (now.trials, sum(now.outcomes.values())) == (len(made), len(made))
    assert (now.cost, now.input_tokens) == (0.25 * len(made), 100 * len(made))
    trials = every(lambda cursor: there.campaigns.trials(campaign.id, cursor=cursor))
    assert [trial.experiment_id for trial in trials] == made
    notes = every(lambda cursor: there.memory.notes(PROJECT, cursor=cursor))
    given = [[each.trial_number for each in one.delivered] for one in notes]
    assert given == [[number] for number in range(1, len(made) + 1)]


def _version(tree: str) -> VersionRequest:
    given = {"project": PROJECT, "artifact": "model", "type": "model", "tree": tree, "size": 9, "files": 1}
    return VersionRequest.make(id=new_id(), **given)


def _sent(reader: Reader, sender: Sender) -> bool:
    try:
        drain(reader, sender)
    except Unavailable:
        return False
    return True


def _all_sent(ledger: SyncedLedger) -> bool:
    try:
        ledger.send()
    except AutoresearchError as error:
        if not error.retryable:
            raise
        return False
    return True
