"""Where vectors live: one object a case, one vector in one space. Two implementations, one suite."""
