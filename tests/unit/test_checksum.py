"""What changes the checksum of a seed, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.errors import SeedError
from tdm_seed.revisions import discover
from tdm_seed.revisions.checksum import combine, content_digest, file_digest

SEED = "reference/20260101_0000_a"
FILES = {
    f"{SEED}.py": "from seeds.reference._names import X\ndata = ['one.txt', 'two.txt']\ndef upgrade(db):\n    X\n",
    f"{SEED}.csv": "code\nDE\n",
    "reference/one.txt": "1\n",
    "reference/two.txt": "2\n",
    "reference/_names.py": "def x():\n    from ._deep.words import Y\nX = 1\n",
    "reference/_deep/__init__.py": "from .. import _other\n",
    "reference/_deep/words.py": "Y = 1\n",
    "reference/_other.py": "Z = 1\n",
    "reference/_unused.py": "Z = 1\n",
}


def checksum(root: Path, files: dict[str, str]) -> str:
    """Write files and return the checksum of the one seed among them."""
    shutil.rmtree(root / "seeds", ignore_errors=True)
    for name, text in files.items():
        path = root / "seeds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (seed,) = discover(root / "seeds", ())
    return seed.checksum


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"reference/_unused.py"}))
def test_every_file_that_counts_changes_it(tmp_path: Path, name: str) -> None:
    """The script, its data, and shared code through every import, inside functions and packages too."""
    before = checksum(tmp_path, FILES)
    assert before != checksum(tmp_path, {**FILES, name: FILES[name] + "\n"})


def test_what_is_not_imported_does_not_change_it(tmp_path: Path) -> None:
    """Shared code belongs to the seeds that use it."""
    before = checksum(tmp_path, FILES)
    assert before == checksum(tmp_path, {**FILES, "reference/_unused.py": "other"})


def test_contents_that_change_places_change_it(tmp_path: Path) -> None:
    """Two data files are told apart by their names."""
    swapped = {**FILES, "reference/one.txt": "2\n", "reference/two.txt": "1\n"}
    assert checksum(tmp_path, FILES) != checksum(tmp_path, swapped)


def test_a_renamed_seed_keeps_it(tmp_path: Path) -> None:
    """The name is not part of it, so that history recognises the file."""
    renamed = {name.replace("20260101_0000_a", "20270202_0000_b"): text for name, text in FILES.items()}
    assert checksum(tmp_path, FILES) == checksum(tmp_path, renamed)


def test_it_does_not_depend_on_where_the_project_lies(tmp_path: Path) -> None:
    """The same on every machine."""
    assert checksum(tmp_path / "one", FILES) == checksum(tmp_path / "another/place", FILES)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_and_byte_order_marks_do_not_change_it(tmp_path: Path, newline: str) -> None:
    """A checkout on another system gives the same checksum."""
    other = {name: "\ufeff" + text.replace("\n", newline) for name, text in FILES.items()}
    assert checksum(tmp_path, FILES) == checksum(tmp_path, other)


def test_the_options_of_a_data_seed_change_it(tmp_path: Path) -> None:
    """As the data does."""
    plain = checksum(tmp_path, {f"{SEED}.csv": "a\n1\n"})
    assert plain != checksum(tmp_path, {f"{SEED}.csv": "a\n1\n", f"{SEED}.toml": ""})
    assert plain != checksum(tmp_path, {f"{SEED}.csv": "a\n2\n"})


def test_its_form_is_fixed(tmp_path: Path) -> None:
    """History of earlier versions must be understood: a change of the algorithm needs another leading number."""
    expected = "1:sha256:d889fce162ab18558a4be62502c09307f52d20e996cde55ecce7eddd427f6981"
    assert expected == checksum(tmp_path, {f"{SEED}.csv": "code\r\nDE\r\n"})


LINES = st.lists(st.binary(max_size=30).filter(lambda line: not set(line) & {0, 10, 13}), max_size=8)


@given(LINES, st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=8, max_size=8), st.booleans())
def test_text_has_one_digest_whatever_its_newlines(lines: list[bytes], ends: list[bytes], bom: bool) -> None:
    """Mixed ones too. An empty line after a lone CR is ended otherwise than by LF, or the two were one CRLF."""
    if lines and lines[0].startswith(b"\xef\xbb\xbf"):
        return
    other = b""
    for line, end in zip(lines, ends, strict=False):
        other += line + (b"\r\n" if other.endswith(b"\r") and not line and end == b"\n" else end)
    plain = b"".join(line + b"\n" for line in lines)
    assert content_digest(plain) == content_digest(b"\xef\xbb\xbf" * bom + other)


@given(st.binary(max_size=200), st.integers(1, 7))
def test_a_file_has_the_digest_of_its_content(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int
) -> None:
    """However it is read, and whatever stands at the edge of a chunk."""
    padding = b"x" * ((1 << 20) - chunk)
    path = tmp_path_factory.mktemp("file") / "data"
    for whole in (content, padding + content, padding + b"\r\n" + content):
        path.write_bytes(whole)
        assert content_digest(whole) == file_digest(path, "data")


def test_bytes_that_are_no_text_are_taken_as_they_are() -> None:
    """A picture whose CRLF became LF is another picture."""
    assert content_digest(b"\0\r\n") != content_digest(b"\0\n")
    assert content_digest(b"\xef\xbb\xbf\0") != content_digest(b"\0")


@given(st.dictionaries(st.text(max_size=5).filter(lambda label: "\0" not in label), st.text("ab", max_size=3)))
def test_parts_may_come_in_any_order(parts: dict[str, str]) -> None:
    """Folders are listed in no order."""
    assert combine(parts.items()) == combine(reversed(parts.items()))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("from seeds.reference._nothing import X", "cannot import seeds.reference._nothing: there is no seeds/"),
        ("import seeds.nowhere._x", "there is no seeds/nowhere/_x.py"),
        ("from ... import x", "leads out of the seeds folder"),
        ("from ._nothing import x", "cannot import ._nothing"),
        ("from .plain import x", "plain.py is not shared code: such a file begins with an underscore, _plain.py"),
        ("from ..shared import x", "shared.py is not shared code"),
    ],
)
def test_an_import_that_leads_nowhere_is_refused(tmp_path: Path, line: str, words: str) -> None:
    """When the file is read, with its line, not when it runs."""
    files = {f"{SEED}.py": f"\ndef upgrade(db):\n    {line}\n", "shared.py": "", "reference/plain.py": ""}
    with pytest.raises(SeedError) as raised:
        checksum(tmp_path, files)
    assert 3 == raised.value.place.line
    assert words in str(raised.value)


def test_shared_code_is_read_with_the_same_care(tmp_path: Path) -> None:
    """Its mistakes name its own file and line."""
    files = {f"{SEED}.py": "from ._b import X\ndef upgrade(db): ...\n", "reference/_b.py": "X = 1\nimport ("}
    with pytest.raises(SeedError, match=r"seeds/reference/_b\.py:2: is not valid Python"):
        checksum(tmp_path, files)
    files["reference/_b.py"] = "from ._c import X\n"
    with pytest.raises(SeedError, match=r"seeds/reference/_b\.py:1: cannot import \._c"):
        checksum(tmp_path, files)


def test_shared_code_may_import_in_a_circle(tmp_path: Path) -> None:
    """As Python lets it."""
    files = {
        f"{SEED}.py": "from . import _b\ndef upgrade(db): ...\n",
        "reference/_b.py": "from . import _c\n",
        "reference/_c.py": "import seeds.reference._b\n",
    }
    assert checksum(tmp_path, files) != checksum(tmp_path, {**files, "reference/_c.py": ""})


def test_an_import_by_the_way_from_the_root_is_refused(tmp_path: Path) -> None:
    """Where the seeds folder lies deeper, such an import would find the file and stay out of the checksum."""
    path = tmp_path / "db/seeds/reference/20260101_0000_a.py"
    path.parent.mkdir(parents=True)
    path.write_text("from db.seeds.reference._b import X\ndef upgrade(db): ...\n")
    with pytest.raises(SeedError, match=r"a\.py:1: imports db\.seeds(.|\n)*Import it as seeds\.reference\._b"):
        discover(tmp_path / "db/seeds", (), root=tmp_path)
