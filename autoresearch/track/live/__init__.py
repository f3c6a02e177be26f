"""A run while it goes on: what a training script holds, and what works for it in the background."""
