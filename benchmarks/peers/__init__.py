"""What else one could use, each as a script of its own that runs as a whole process."""
