"""
How fast the desk trades: the whole lifecycle through its operations, beside the same writes as plain SQL.

One lifecycle is an RFQ, three quotes, an accept and the settlement to the client's balance: six transactions. `ours`
runs it through the operations that everything else calls; `plain` is the same work as SQL by hand, run by psycopg and
by pgbench. All on one private PostgreSQL that keeps what it promised (fsync), in one run, so that their ratios say
something on any machine. `race` runs them and sees to it that they wrote the same rows.
"""
