"""Plain values and pure rules. Nothing here does I/O, reads a clock or imports a driver."""
