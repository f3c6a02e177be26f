"""Rows and objects on disk. Domain rules live above; what differs between dialects lives in its module here."""
