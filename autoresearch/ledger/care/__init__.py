"""Looking after a store as a whole: where it lies, its backup, its move to another database."""
