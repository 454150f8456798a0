"""Other tools, each as a script that runs as a whole process."""
