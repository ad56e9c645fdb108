"""An environment: which seeds, how many rows, from which random seed and clock, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from tdm_seed.environments.manifest import Manifest
from tdm_seed.environments.setting import LARGEST, MOMENT, Setting, instant, nearest
from tdm_seed.errors import UsageError
from tdm_seed.values import Layer, Way

if TYPE_CHECKING:
    from tdm_seed.environments.project import Project

Reset = Literal["allow", "confirm", "forbid"]
Rebuild = Literal["never", "allow"]

RESETS = ("allow", "confirm", "forbid")
REBUILDS = ("never", "allow")
LAYERS = tuple(layer.value for layer in Layer)
WAYS = tuple(way.value for way in Way)


@dataclass(frozen=True)
class Environment:
    """A manifest, read and converted, with what the command line changed.

    ``now`` is in UTC; None means "today". ``overrides`` names what the command line changed, as plain values
    for the history; a URL is never among them.
    """

    name: str
    project: Project
    description: str = ""
    hosts: tuple[str, ...] | None = None
    layers: tuple[Layer, ...] = tuple(Layer)
    scenarios: tuple[str, ...] = ()
    random_seed: int = 0
    now: datetime | None = None
    locale: str = "en_US"
    reset: Reset = "confirm"
    protected: bool = False
    keep: tuple[str, ...] = ()
    volumes: Mapping[str, int] = field(default_factory=dict)
    overrides: Mapping[str, object] = field(default_factory=dict)
    rebuild: Rebuild = "allow"
    reset_ways: tuple[Way, ...] = tuple(Way)
    given_url: str | Setting | None = field(default=None, repr=False)
    given_source: Setting | None = field(default=None, repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    manifest: Manifest | None = field(default=None, repr=False, compare=False)

    def place(self, key: str) -> dict[str, Any]:
        """Give file and line of a key for an error, the file alone where the manifest has no such key."""
        if self.manifest is None:
            return {}
        found = self.manifest.settings.get(key)
        return {"file": found.file, "line": found.line} if found else {"file": self.manifest.file}

    @property
    def url(self) -> str:
        """Give the URL of the database, as written, with its variables put in.

        That is done only when it is asked for, so that commands which need no database need no variables.

        Raises:
            UsageError: a variable is not set, or the environment names no database at all.
        """
        if isinstance(self.given_url, str):
            return self.given_url
        if self.given_url is not None and (url := self.given_url.text(self.environ).strip()):
            return url
        message = f"the environment {self.name!r} names no database"
        hint = 'Give it a url = "…" in its manifest, or say --url.'
        raise (
            self.given_url.refuse(message, hint)
            if self.given_url
            else UsageError(message, hint=hint, **self.place("url"))
        )

    @property
    def source(self) -> str | None:
        """Give where the data of this environment comes from, if from anywhere, with its variables put in."""
        return self.given_source.text(self.environ) if self.given_source else None


def build(
    project: Project,
    manifest: Manifest,
    environ: Mapping[str, str],
    *,
    url: str | None,
    volumes: Mapping[str, int] | None,
    random_seed: int | None,
    now: datetime | str | None,
) -> Environment:
    """Convert a manifest and apply the overrides.

    Raises:
        UsageError: a value of the wrong type, an unset variable (the URL's excepted), a volume nobody knows.
    """
    given = manifest.settings
    overrides: dict[str, object] = {}

    def words(key: str) -> tuple[str, ...]:
        return given[key].words(environ) if key in given else ()

    def choice(key: str, allowed: tuple[str, ...], default: str) -> str:
        return given[key].choice(environ, allowed) if key in given else default

    layers = words("layers") if "layers" in given else LAYERS
    if "layers" in given:
        given["layers"].among(layers, LAYERS)
    ways = words("reset_ways") if "reset_ways" in given else WAYS
    if "reset_ways" in given:
        given["reset_ways"].among(ways, WAYS)
    counts = {name: setting.integer(environ) for name, setting in manifest.volumes.items()}
    if volumes:
        counts |= _volumes(volumes, counts)
        overrides["volumes"] = dict(sorted(volumes.items()))
    seed = given["random_seed"].integer(environ, least=-LARGEST) if "random_seed" in given else 0
    if random_seed is not None:
        overrides["random_seed"] = seed = _random_seed(random_seed)
    clock = given["now"].instant(environ) if "now" in given else None
    if now is not None:
        clock = _clock(now)
        overrides["now"] = clock.isoformat() if clock else "today"
    protected = given["protected"].boolean(environ) if "protected" in given else False
    return Environment(
        name=manifest.name,
        project=project,
        description=given["description"].text(environ) if "description" in given else "",
        hosts=words("hosts") if "hosts" in given else None,
        layers=tuple(Layer(layer) for layer in layers),
        scenarios=words("scenarios"),
        random_seed=seed,
        now=clock,
        locale=given["locale"].text(environ) if "locale" in given else "en_US",
        reset=cast(Reset, choice("reset", RESETS, "confirm")),
        protected=protected,
        keep=words("keep"),
        volumes=counts,
        overrides=overrides,
        rebuild=cast(Rebuild, choice("rebuild", REBUILDS, "never" if protected else "allow")),
        reset_ways=tuple(Way(way) for way in ways),
        given_url=url if url is not None else _text(given.get("url", project.url)),
        given_source=_text(given.get("source")),
        environ=dict(environ),
        manifest=manifest,
    )


def _text(setting: Setting | None) -> Setting | None:
    """Refuse now what is no text, though its variables are put in later."""
    if setting is not None and not isinstance(setting.value, str):
        setting.text({})
    return setting


def _volumes(wanted: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int]:
    for name, count in wanted.items():
        if known and name not in known:
            raise UsageError(f"the environment has no volume {name!r}", hint=nearest(name, known))
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= LARGEST:
            raise UsageError(f"the volume {name}={count!r} is no row count", hint="Such as users=500.")
    return dict(wanted)


def _random_seed(value: int) -> int:
    if not -LARGEST <= value <= LARGEST:
        raise UsageError(f"the random seed {value} is out of range", hint=f"It must be {-LARGEST} to {LARGEST}.")
    return value


def _clock(value: datetime | str) -> datetime | None:
    try:
        return instant(value)
    except ValueError as error:
        raise UsageError(f"now: {error}", hint=MOMENT) from None
