"""everycase: every support case, accounted for."""
