import hashlib
import os
import signal
import subprocess
import sys

import pytest

from ilo_helpers.keep.digest import (
    check_file,
    digest,
    file_digest,
    files_digest,
    settings_digest,
    written_whole,
)


def test_digests_are_beginnings_of_sha256():
    assert digest("a", length=64) == hashlib.sha256(b"a").hexdigest()
    assert digest("a", "b") == hashlib.sha256(b"a\x00b").hexdigest()[:16]
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("c", "ab")}) == 4
    expected = hashlib.sha256(b'{"a": [1, null], "b": "x"}').hexdigest()[:10]
    assert settings_digest({"b": "x", "a": [1, None]}) == expected
    assert settings_digest({"b": "x", "a": [None, 1]}) != expected


def test_digests_of_files(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    assert file_digest(one) == hashlib.sha256(b"1").hexdigest()
    check_file(one, file_digest(one))
    with pytest.raises(ValueError, match=r"one has sha256 6b86b273.*, expected 00: delete it and"):
        check_file(one, "00")
    whole = files_digest([one, two])
    assert len(whole) == 16 and whole != files_digest([two, one])
    one.rename(tmp_path / "three")
    assert files_digest([tmp_path / "three", two]) != whole  # names count


@pytest.fixture
def file(tmp_path):
    """A file alone in its folder."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "x").write_text("old")
    return tmp_path / "here" / "x"


def test_written_whole_replaces_at_the_end_and_can_be_read_by_all(file):
    with written_whole(file) as part:
        assert part.parent == file.parent and part != file
        part.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new" and file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_an_error_inside_leaves_the_old_file(file):
    with pytest.raises(ZeroDivisionError), written_whole(file) as part:
        part.write_text("half")
        _ = 1 / 0
    assert file.read_text() == "old" and list(file.parent.iterdir()) == [file]


def test_a_kill_inside_leaves_the_old_file(file):
    code = (
        "import os, sys; from ilo_helpers.keep.digest import written_whole\n"
        "with written_whole(sys.argv[1]) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, file], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    (left,) = set(file.parent.iterdir()) - {file}
    assert left.name.startswith(".x-") and left.read_text() == "half"
