"""Errors of obstore as failures of one object, without credentials."""

import re
from datetime import timedelta

from obstore import exceptions

from ...files.read import NO_ANSWER, ReadError
from ...results import FileStatus

_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound"})
_OTHER_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed"})

NO_OBJECT = "there is no such object"
KEY_REFUSED = "obstore takes no key with an empty part, '.', '..' or a control character"
NO_CREDENTIALS = (
    "no credentials in the environment; set them as the store's own tools take them (for S3 "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or use --anonymous for a public bucket"
)

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_CREDENTIALS = re.compile(
    r"169\.254\.169\.254|/latest/(?:api/token|meta-data)|/computeMetadata/"
    r"|CredentialProvider|MissingCredentials"
)
"""Places that errors name when the environment has none: a machine is asked for its own."""


def failure_of(error: Exception, deadline: timedelta) -> ReadError:
    """Return an error of obstore as the failure of one object.

    Nothing of the error's text is taken over but codes: it can hold signed addresses.

    Args:
        error: what obstore raised.
        deadline: time until which a request was repeated.
    """
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    said = " ".join(match[1] for match in (status, code) if match)
    shown = f" ({said})" if said else ""
    if code and code[1] in _NO_BUCKET:
        return ReadError(FileStatus.VANISHED, f"there is no such bucket{shown}")
    match error:
        case FileNotFoundError():
            return ReadError(FileStatus.VANISHED, f"{NO_OBJECT}{shown}")
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return ReadError(FileStatus.UNREADABLE, f"the store denies access{shown}")
        case exceptions.PreconditionError():
            return ReadError(FileStatus.UNREADABLE, f"it changed after it was listed{shown}")
        case exceptions.InvalidPathError() | ValueError():
            return ReadError(FileStatus.UNREADABLE, KEY_REFUSED)
    if _NO_CREDENTIALS.search(text):
        return ReadError(FileStatus.UNREADABLE, NO_CREDENTIALS)
    if "Received redirect" in text or (code and code[1] in _OTHER_REGION):
        reason = f"the bucket is in another region; use --region{shown}"
        return ReadError(FileStatus.UNREADABLE, reason)
    if status and status[1] in ("401", "403"):
        return ReadError(FileStatus.UNREADABLE, f"the store denies access{shown}")
    if status and status[1] < "500" and status[1] not in ("408", "429"):
        return ReadError(FileStatus.UNREADABLE, f"the store refuses the request{shown}")
    if "kind: Body" in text and "TimedOut" in text:
        seconds = f"{deadline.total_seconds():g}"
        return ReadError(FileStatus.TOO_SLOW, f"not read within {seconds} s; see --timeout")
    if "kind: Body" in text:
        reason = "length mismatch: it broke off, or changed, while it was read"
        return ReadError(FileStatus.UNREADABLE, reason)
    return ReadError(FileStatus.UNREADABLE, f"{NO_ANSWER}{shown}")
