"""The Seeder: plan, upgrade, downgrade, status, verify and digest of one environment."""

from tdm_seed.engine.progress import Progress
from tdm_seed.engine.seeder import Seeder

__all__ = ["Progress", "Seeder"]
