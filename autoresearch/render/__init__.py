"""Pictures and tables of results: plain data in, text out."""
