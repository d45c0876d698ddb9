"""Salesforce exports as files: a folder or zip that holds one file, or several, for each object."""
