"""The command line: parse, call an operation, print what it returns."""
