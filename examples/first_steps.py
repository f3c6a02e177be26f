"""The shortest useful thing: a goal, two experiments, two verdicts, and what the next attempt should know."""

import autoresearch as ar

ar.goal(metric="val_bpb", lower_is_better=True, target=2.40)

baseline = ar.experiment(note="baseline, as committed")
ar.decision(baseline["id"], "keep", samples=[2.523, 2.519, 2.527])

warmup = ar.experiment(note="lr too hot early; added 200-step warmup", config={"warmup": 200})
verdict = ar.decision(warmup["id"], "keep", score=2.41, metric="val_bpb")

print(verdict.standing)
print(ar.context(budget=600).markdown)
