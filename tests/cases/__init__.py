"""Public reports as cases: one folder each, with what makes its input and what its report establishes."""
