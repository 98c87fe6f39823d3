"""Receipts of trades: what each reader may know, signed; and how a receipt is checked."""
