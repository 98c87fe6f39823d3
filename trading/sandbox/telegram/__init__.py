"""
A stand-in for the Telegram Bot API, with a chat page where one plays the people on the other side.

It plays someone else's service: it imports nothing of the desk's apps, and the desk reaches it only
over HTTP. State lives in memory and in an append-only journal that is replayed at start.
"""
