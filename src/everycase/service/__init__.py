"""What runs for long: the schedule."""
