"""Pages of alerts, their rules and silences, and of what the desk says."""
