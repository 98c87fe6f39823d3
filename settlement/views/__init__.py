"""The console's pages about settlements and the flag."""
