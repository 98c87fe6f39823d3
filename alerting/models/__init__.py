"""What the desk hears and says."""
