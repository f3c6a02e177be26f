"""The code that ran, taken as it is: git state, the uncommitted change, and snapshots of every file."""
