"""Everything a person or a program may ask or order, as functions that take the app and return values."""
