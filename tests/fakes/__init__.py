"""Stand-ins at the desk's ports: they work, and misbehave as told."""
