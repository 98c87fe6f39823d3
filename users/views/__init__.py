"""The console's pages about people, what two decide, and what was done."""
