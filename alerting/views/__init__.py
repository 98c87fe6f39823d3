"""Pages of what the desk says."""
