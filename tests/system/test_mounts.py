"""Mount points in the system's list."""

from trustthepixels.infer.system.mounts import is_mount_point

LINE = "42 27 254:0 /data {} rw,relatime - ext4 /dev/vda rw\n"


def test_a_mounted_file_is_in_the_list(tmp_path):
    mounts, odd = tmp_path / "mounts", tmp_path / "my rows.csv"
    mounts.write_text(LINE.format("/proc") + LINE.format(str(odd).replace(" ", "\\040")))
    assert is_mount_point(odd, mounts)
    assert not is_mount_point(tmp_path / "other.csv", mounts)


def test_a_system_without_the_list_has_none(tmp_path):
    assert not is_mount_point(tmp_path, tmp_path / "missing")
