"""
Every component template in its states, on one page: for whoever builds the console, in the sandbox only.

Samples are plain facts, not rows: the page shows the same on an empty database.
"""
