"""Points by the column: batches on their way into the store, the coding of chunks, summaries, down-sampling."""
