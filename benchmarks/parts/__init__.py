"""What one run can measure, one module for each part."""
