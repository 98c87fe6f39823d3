"""
Where reference rates come from: one port (`base.Source`), built from what `REFERENCE_SOURCES` says.

Only the jobs that fetch come here. A source answers with mids it knows, or says why it cannot; whether
a mid is believed is decided elsewhere (`rfq.consensus`).
"""
