"""Agents that propose changes: how one is asked, what it answers, and the kinds there are."""
