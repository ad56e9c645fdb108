"""Mistakes that need a process of their own: what never ends, what ends too soon, and what is printed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mistakes import project
from tests.mistakes.case import NEW, PASSWORD, PY

ENDLESS = """\
from pathlib import Path

def people():
    number = 10
    while True:
        number += 1
        yield {"id": number, "name": "nobody"}
        if number == 3000:
            Path("begun").touch()

def upgrade(db):
    db.load("people", people())
"""


def start(*words: str) -> subprocess.Popen[str]:
    """Run the program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tdm_seed", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    """Wait until a seed has come that far."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("words", [["upgrade"], ["upgrade", "--json"], ["upgrade", "--dry-run"]])
def test_an_endless_generator_is_ended_by_ctrl_c(place: Path, words: list[str]) -> None:
    """With the code of a shell, a sentence, and not one of its rows."""
    project.write(place, PY, ENDLESS)
    before = project.content(place)
    process = start(*words)
    wait_for(place / "begun")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert 130 == process.returncode, err
    sentence = "the dry run did is taken back" if "--dry-run" in words else f"{NEW} is kept as a whole or not at all"
    if "--json" in words:
        error = json.loads(out)["error"]
        assert ("interrupted", True) == (error["code"], sentence in error["message"])
    else:
        assert ("", True) == (out, sentence in err)
    assert "Traceback" not in out + err
    assert before == project.content(place)


def test_what_a_seed_prints_is_not_in_the_object(place: Path) -> None:
    """Whether it is done or raises, stdout holds one object."""
    project.write(place, PY, "import sys\n\ndef upgrade(db):\n    print('hello')\n    sys.stdout.write('there')\n")
    out, err = start("upgrade", "--json").communicate(timeout=60)
    assert ([NEW], True) == ([step["seed"] for step in json.loads(out)["steps"]], "hello" in err)
    project.write(place, PY, "def upgrade(db):\n    print('hello')\n    raise ValueError('then this')\n")
    out, err = start("upgrade", "--json").communicate(timeout=60)
    assert ("ValueError: then this", True) == (json.loads(out)["error"]["message"], "hello" in err)


def test_a_seed_that_ends_the_process_leaves_nothing(place: Path) -> None:
    """There is nobody left to say anything, and the next run is as good as before."""
    before = project.content(place)
    project.write(
        place, PY, "import os\n\ndef upgrade(db):\n    db.load('people', [{'id': 9, 'name': 'x'}])\n    os._exit(9)\n"
    )
    process = start("upgrade")
    process.communicate(timeout=60)
    assert 9 == process.returncode
    project.write(place, PY, "def upgrade(db):\n    db.load('people', [{'id': 9, 'name': 'x'}])\n")
    assert before == project.content(place)
    process = start("upgrade")
    process.communicate(timeout=60)
    assert (0, 4) == (process.returncode, len(project.content(place)["people"]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(("words", "code"), [(["status"], 1), (["status", "--json"], 1), (["upgrade", "nope"], 2)])
def test_output_that_cannot_be_written(place: Path, words: list[str], code: int) -> None:
    """It is said on the other stream; the code is that of what happened."""
    command = [sys.executable, "-m", "tdm_seed", *words]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, env=environ, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert ("Traceback" in done.stderr, "Exception" in done.stderr) == (False, False)
        assert code == done.returncode
        said = "the output cannot be written: No space left on device" if code == 1 else "there is no seed nope"
        assert said in done.stderr
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, stderr=full, text=True, timeout=60)
        assert code == done.returncode or "upgrade" not in words


def test_streams_that_are_closed(place: Path) -> None:
    """Nobody listens, and the code still tells."""
    for words, code in ((["status"], 0), (["upgrade", "nope"], 2)):
        shell = shlex.join([sys.executable, "-m", "tdm_seed", *words])
        assert code == subprocess.run(f"{shell} >&- 2>&-", shell=True, timeout=60).returncode


def test_a_folder_that_is_gone(place: Path) -> None:
    """Somebody has removed it while the shell was in there."""
    gone = place / "gone"
    gone.mkdir()
    shell = f"rmdir {shlex.quote(str(gone))}; {shlex.join([sys.executable, '-P', '-m', 'tdm_seed', 'status'])}"
    done = subprocess.run(shell, shell=True, cwd=gone, capture_output=True, text=True, timeout=60)
    assert (2, "Error: the current folder is gone\n  Change into one that is there.\n") == (
        done.returncode,
        done.stderr,
    )


def test_all_about_an_error_holds_no_password_either(place: Path) -> None:
    """The stack that -v shows is written by others."""
    project.write(place, PY, f"def upgrade(db):\n    raise OSError('mysql://root:{PASSWORD}@db/shop is not there')\n")
    process = start("upgrade", "-v")
    out, err = process.communicate(timeout=60)
    assert (1, True) == (process.returncode, "Traceback" in err)
    assert PASSWORD not in out + err
    process = start("status", "-v", "--url", f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop")
    out, err = process.communicate(timeout=60)
    assert (1, True) == (process.returncode, "Traceback" in err)
    assert PASSWORD not in out + err
