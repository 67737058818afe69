"""A place does the same in a local folder and in a bucket of a real S3 server."""

import errno
import pickle
from pathlib import Path

import pytest

from sweep.store.atomic import replacing
from sweep.store.bucket import Conflict
from sweep.store.copies import fetched, fetched_all, forget
from sweep.store.place import cache_folder, matching, place, rename, url_fault, versions


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def root(request, tmp_path):
    return tmp_path / "r" if request.param == "local" else request.getfixturevalue("s3_root")


def put(where, text):
    with replacing(where) as temporary:
        temporary.write_text(text)


def test_a_file_is_written_whole_read_listed_renamed_and_removed(root):
    file = root / "a" / "b.txt"
    assert not file.exists()
    assert not file.is_file()
    assert matching(root / "a", "*") == []
    with pytest.raises(FileNotFoundError):
        file.read_text()
    put(file, "one")
    put(file, "two")
    assert (file.read_text(encoding="utf-8"), file.read_bytes()) == ("two", b"two")
    assert file.exists()
    assert (root / "a").is_dir()
    assert (root / "a").exists()
    assert not (root / "a").is_file()
    assert (file.name, file.parent, file.with_name("c")) == ("b.txt", root / "a", root / "a" / "c")
    assert str(file).endswith("/a/b.txt")
    rename(file, "c.txt")
    assert [found.name for found in (root / "a").iterdir()] == ["c.txt"]
    (root / "a" / "c.txt").unlink()
    with pytest.raises(FileNotFoundError):
        (root / "a" / "c.txt").unlink()
    (root / "a" / "c.txt").unlink(missing_ok=True)
    assert matching(root / "a", "*") == []


def test_a_failure_while_writing_leaves_the_old_file(root):
    file = root / "x"
    put(file, "old")

    def half():
        with replacing(file) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert file.read_text() == "old"
    assert [found.name for found in root.iterdir()] == ["x"]


def test_only_what_is_wrong_with_the_file_written_is_called_so(tmp_path):
    (tmp_path / "none").write_text("a file, no folder")
    missing = tmp_path / "missing.parquet"

    def copy(target):
        with replacing(target) as temporary:
            temporary.write_bytes(missing.read_bytes())

    with pytest.raises(FileNotFoundError) as read:
        copy(tmp_path / "x")
    assert read.value.filename == str(missing)
    with pytest.raises(OSError, match=r"cannot write .*none/x .*check storage.root"):
        copy(tmp_path / "none" / "x")

    def fill(target, text, number):
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise OSError(number, text, *([] if number == errno.ENOSPC else [str(temporary)]))

    for text, number in (("No space left on device", errno.ENOSPC), ("denied", errno.EACCES)):
        with pytest.raises(OSError, match=f"cannot write .*y .{text}.; check storage.root"):
            fill(tmp_path / "y", text, number)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["none"]


def test_patterns_match_level_by_level(root):
    for name in ("results/s1/sweep.json", "results/s2/sweep.json", "results/s2/parts/q.parquet"):
        put(root / name, name)
    put(root / "results/backtest-1/sweep.json", "")
    put(root / "results/s3/other.json", "")
    assert [f.parent.name for f in matching(root, "results/s*/sweep.json")] == ["s1", "s2"]
    assert [f.name for f in matching(root / "results", "s?")] == ["s1", "s2", "s3"]


def test_of_two_that_make_a_folder_one_is_refused(root):
    (root / "run-1").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        (root / "run-1").mkdir(parents=True)
    (root / "run-1").mkdir(parents=True, exist_ok=True)
    assert list((root / "run-1").iterdir()) == []


def test_versions_change_with_the_content(root):
    put(root / "m" / "1.parquet", "one")
    put(root / "m" / "2.parquet", "two")
    put(root / "m" / "note.txt", "")
    before = versions(root / "m", ".parquet")
    assert list(before) == ["1.parquet", "2.parquet"]
    put(root / "m" / "2.parquet", "other")
    after = versions(root / "m", ".parquet")
    assert after["1.parquet"] == before["1.parquet"]
    assert after["2.parquet"] != before["2.parquet"]
    assert versions(root / "none", ".parquet") == {}


def test_a_fetched_file_is_as_new_as_the_stored_one(root):
    put(root / "f", "one")
    assert fetched(root / "f").read_text() == "one"
    put(root / "f", "two")
    assert fetched(root / "f").read_text() == "two"
    with pytest.raises(FileNotFoundError):
        fetched(root / "g").read_text()


@pytest.mark.s3
def test_a_fixed_name_is_fetched_once_until_it_is_forgotten(s3_root):
    put(s3_root / "part", "one")
    assert {copy.read_text() for copy in fetched_all([s3_root / "part"] * 64, fixed=True)} == {
        "one"
    }
    put(s3_root / "part", "two")
    assert fetched(s3_root / "part", fixed=True).read_text() == "one"
    forget(s3_root / "part")
    assert fetched(s3_root / "part", fixed=True).read_text() == "two"


@pytest.mark.s3
def test_a_conditional_write_has_one_winner(s3_root):
    bucket, key = s3_root.bucket, (s3_root / "k").key
    first = bucket.put(key, b"1", absent=True)
    with pytest.raises(Conflict):
        bucket.put(key, b"2", absent=True)
    second = bucket.put(key, b"2", expected=first)
    with pytest.raises(Conflict):
        bucket.put(key, b"3", expected=first)
    content, about = bucket.get(key)
    assert (content, about.etag, about.size) == (b"2", second, 1)


@pytest.mark.s3
def test_more_names_than_a_page_of_the_listing_are_all_there(s3_root):
    for k in range(12):
        put(s3_root / "many" / f"{k:02d}" / "x", "")
        put(s3_root / "many" / f"f{k:02d}", "")
    plain = s3_root.bucket._asked

    def small_pages(action, key, read, **options):
        return plain(action, key, read, **options, MaxKeys=5)

    object.__setattr__(s3_root.bucket, "_asked", small_pages)
    files, folders = s3_root.bucket.names((s3_root / "many").key + "/")
    assert (len(files), len(folders)) == (12, 12)


@pytest.mark.s3
def test_what_passes_is_tried_again_and_what_is_refused_is_named(s3_root, s3_proxy, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    put(s3_root / "file", "content")
    there = place(str(s3_root), endpoint=s3_proxy.endpoint)
    s3_proxy.add("/file", status=503, code="SlowDown")
    s3_proxy.add("/file", cut=3)
    assert (there / "file").read_text() == "content"
    assert len(s3_proxy.gets("/file")) == 3
    s3_proxy.add("/file", status=403, code="AccessDenied")
    with pytest.raises(PermissionError, match=r"file: refused \(403 AccessDenied\); check AWS_"):
        (there / "file").read_text()


def test_without_keys_the_variables_are_named(monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermissionError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        (place("s3://bucket/x", endpoint="http://127.0.0.1:9") / "y").read_text()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("gs://b/x", "must be a folder or s3://bucket/prefix, got gs://..."),
        ("s3:///x", "must read s3://bucket"),
        ("s3://key:secret@bucket/x", "without keys"),
        ("s3://bucket/x?versionId=1", "without keys, port or query"),
        ("s3://bucket/a/../b", "must not hold"),
    ],
)
def test_a_url_that_names_no_place_is_refused_without_repeating_it(text, fault):
    assert fault in url_fault(text)
    assert "secret" not in url_fault(text)
    with pytest.raises(ValueError, match="must"):
        place(text)


def test_a_place_travels_between_processes_without_keys(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-marker")
    there = place("s3://bucket/a/b/", endpoint="http://server", region="eu-central-1")
    packed = pickle.dumps(there)
    assert b"planted-marker" not in packed
    assert pickle.loads(packed) == there  # noqa: S301 - our own
    assert (str(there), str(there / "c"), str(place("s3://bucket"))) == (
        "s3://bucket/a/b",
        "s3://bucket/a/b/c",
        "s3://bucket",
    )


def test_local_roots_stay_paths_and_downloads_stay_local(monkeypatch, tmp_path):
    assert place("file:///data/x") == Path("/data/x")
    assert place(tmp_path) is not None
    assert cache_folder(Path("/data")) == Path("/data/cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder(place("s3://b/x")) == tmp_path / "detector-sweep" / "downloads" / "b"
