"""A generated export of linked support cases, for a first run and for the tests."""
