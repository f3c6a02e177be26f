"""List the runs of every project on a server, with the typed client.

The server and the key are those of AUTORESEARCH_BASE_URL and AUTORESEARCH_API_KEY, or what `autoresearch login` stored.
"""

from __future__ import annotations

from autoresearch.client import Client
from autoresearch.records.run import RunQuery

with Client("local") as client:
    for project in client.list_projects().items:
        print(f"{project.name}: {project.experiments} experiments")
        for run in client.list_runs(RunQuery(project=project.name)).items:
            print(f"  #{run.number} {run.name} ({run.state}) {run.latest}")
