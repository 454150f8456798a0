"""A training on all sources, calibrated by five fits that leave sources out."""
