import threading

import pytest

from adcraft_resources.errors import FolderTaken
from adcraft_resources.exports import export_folder, locked, write_whole


def fill_with(text):
    def fill(folder):
        (folder / "a.txt").write_text(text)

    return fill


def test_a_folder_is_written_once_for_the_same_fingerprint(tmp_path):
    assert export_folder(tmp_path / "p" / "v", "1", fill_with("one"))
    assert not export_folder(tmp_path / "p" / "v", "1", fill_with("never"))
    assert (tmp_path / "p" / "v" / "a.txt").read_text() == "one"


def test_a_new_fingerprint_replaces_the_folder_whole(tmp_path):
    export_folder(tmp_path / "v", "1", fill_with("one"))
    assert export_folder(tmp_path / "v", "2", lambda folder: (folder / "b.txt").write_text("two"))
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [".adcraft.json", "b.txt"]


@pytest.mark.parametrize("spoil", ["delete", "truncate", "add"])
def test_a_spoiled_folder_is_made_again(tmp_path, spoil):
    export_folder(tmp_path / "v", "1", fill_with("one"))
    if spoil == "delete":
        (tmp_path / "v" / "a.txt").unlink()
    elif spoil == "truncate":
        (tmp_path / "v" / "a.txt").write_text("o")
    else:
        (tmp_path / "v" / "b.mp4").write_text("stray")
    assert export_folder(tmp_path / "v", "1", fill_with("one"))
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == [".adcraft.json", "a.txt"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_somebody_else_put_there_is_never_deleted(tmp_path, kind):
    theirs = tmp_path / "v" / "holiday.mp4" if kind == "folder" else tmp_path / "v"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("precious")
    with pytest.raises(FolderTaken, match="Move it away"):
        export_folder(tmp_path / "v", "1", fill_with("one"))
    assert theirs.read_text() == "precious"


def test_an_empty_folder_may_be_written_to(tmp_path):
    (tmp_path / "v").mkdir()
    assert export_folder(tmp_path / "v", "1", fill_with("one"))


def test_a_fill_that_fails_leaves_the_old_folder(tmp_path):
    export_folder(tmp_path / "v", "1", fill_with("one"))

    def break_off(folder):
        (folder / "a.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export_folder(tmp_path / "v", "2", break_off)
    assert (tmp_path / "v" / "a.txt").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_what_a_killed_export_left_is_swept(tmp_path):
    (tmp_path / ".v.dead~").mkdir()
    export_folder(tmp_path / "v", "1", fill_with("one"))
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_the_lock_lets_one_in_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        with locked(tmp_path / "lock"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_a_text_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "x" / "a.json", "1")
    write_whole(tmp_path / "x" / "a.json", "2")
    assert (tmp_path / "x" / "a.json").read_text() == "2"
    assert len(list((tmp_path / "x").iterdir())) == 1
