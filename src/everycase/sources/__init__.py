"""Where cases come from. Each source gives records in canonical form, streamed."""
