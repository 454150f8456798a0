"""The page that judges pictures in a browser, written as a folder for any web server."""
