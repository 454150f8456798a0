#!/usr/bin/env bash
# obstore lists nothing of a page of an S3 bucket in which one key has an empty part, such as photos//b.jpg.
#
# Versions: obstore 0.12.1, on Linux x86-64.
# Store: a server on loopback that answers ListObjectsV2 with the keys a.jpg, photos//b.jpg and z.jpg. S3 allows all
#   of them, and so do other clients.
# Behaviour: the listing ends with InvalidPathError, and the two other keys are not returned either. There is no
#   option to pass over such a key, and it cannot be read.
# Seen on 2026-11-29:
#   a.jpg z.jpg                  a.jpg z.jpg
#   a.jpg photos//b.jpg z.jpg    InvalidPathError
# Exits with 1 if any of this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1
cat >"$work/list.py" <<'PYTHON'
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

TIME = "2026-01-01T00:00:00.000Z"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        items = "".join(
            f"<Contents><Key>{key}</Key><LastModified>{TIME}</LastModified><Size>1</Size></Contents>"
            for key in sys.argv[1:]
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
store = S3Store(
    "bucket",
    endpoint=f"http://127.0.0.1:{server.server_port}",
    region="us-east-1",
    skip_signature=True,
    client_options={"allow_http": True},
)
try:
    print(*(entry["path"] for page in obstore.list(store) for entry in page))
except BaseError as error:
    print(type(error).__name__)
PYTHON
plain=$("$work/venv/bin/python" "$work/list.py" a.jpg z.jpg)
odd=$("$work/venv/bin/python" "$work/list.py" a.jpg photos//b.jpg z.jpg)
echo "a.jpg z.jpg                  $plain"
echo "a.jpg photos//b.jpg z.jpg    $odd"
[[ "$plain" == "a.jpg z.jpg" && "$odd" == "InvalidPathError" ]]
