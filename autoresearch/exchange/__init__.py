"""Result logs of other loops: read them, replay them, and write our own in the same shape."""
