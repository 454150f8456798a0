"""Credentials of tests of stores; no output may show them."""

SECRET = "not-to-be-seen-anywhere"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIANOTTOBESEEN",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
}
