"""What people fill in about what the desk tells them."""
