"""What several test modules build with: small exports on disk, and an everycase to run them."""
