"""What the words mean: frozen models that are the only gate for values."""
