"""The version of this install, read by the build and by `autoresearch --version`."""

__version__ = "0.1.0"
