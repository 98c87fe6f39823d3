"""The Telegram bot: which handler hears what, who is speaking, and how refusals sound."""
