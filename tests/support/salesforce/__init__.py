"""A stand-in for Salesforce: an HTTP server over an organisation that it holds in memory."""
