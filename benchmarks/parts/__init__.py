"""Parts that a run can measure, one module for each."""
