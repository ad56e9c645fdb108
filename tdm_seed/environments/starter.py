"""The manifests that a new project begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from tdm_seed.environments.sharing import SharedUrl

_BASE = """\
# What every environment shares. Each of the others says `extends = "base"`, and then only how it differs.
layers = ["reference"]      # rows that every environment needs
scenarios = []              # nothing listed, nothing run
random_seed = 42            # the same dice for everybody
locale = "en_US"
reset = "confirm"           # ask before emptying a database
"""

_DEV = """\
extends = "base"
description = "To work with, on your own machine"
url = {url}
layers = ["reference", "scenario"]
scenarios = []              # such as "busy_shop"; `tdm-seed revision --layer scenario --for dev` adds to it
"""

_TEST = """\
extends = "base"
description = "Small, deterministic, wiped at will"
url = {url}
hosts = ["localhost"]       # no other host is touched
layers = ["reference", "scenario"]
scenarios = []
random_seed = 12345
now = {day}T00:00:00Z      # the clock that seeds see
reset = "allow"
"""

_PROD = """\
extends = "base"
description = "The real thing: reference data only"
url = {url}
hosts = []                  # name your server here: until then nothing is written
layers = ["reference"]
scenarios = []
reset = "forbid"
protected = true
"""


def manifests(url: SharedUrl, test_url: SharedUrl, day: date) -> Mapping[str, str]:
    """Write each manifest, keyed by its environment; ``day`` is what the tests' clock shows."""
    return {
        "base": _BASE,
        "dev": _DEV.format(url=_quoted(str(url))),
        "test": _TEST.format(url=_quoted(str(test_url)), day=day.isoformat()),
        "prod": _PROD.format(url=_quoted("${PROD_DATABASE_URL}")),
    }


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
