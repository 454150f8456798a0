"""One row of a judged file and one of a failed file, and their lines in CSV."""

from trustthepixels.infer.results import FileStatus, ScanRow, Verdict, VerdictLabel

GOOD = ScanRow(
    path="photos/a.jpg",
    status=FileStatus.OK,
    verdict=Verdict(VerdictLabel.AI, 0.9),
    width=640,
    height=480,
    format="JPEG",
    bytes=12345,
)
BAD = ScanRow(path="b.jpg", status=FileStatus.VANISHED, error="ENOENT: No such file or directory")
HEADER = b"path,status,verdict,p_ai,width,height,format,bytes,error,note\r\n"
GOOD_LINE = b"photos/a.jpg,ok,ai,0.900000,640,480,JPEG,12345,,\r\n"
BAD_LINE = b"b.jpg,vanished,,,,,,,ENOENT: No such file or directory,\r\n"
