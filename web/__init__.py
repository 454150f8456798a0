"""Files of the page that judges pictures in a browser; ``infer/page`` writes them out."""
