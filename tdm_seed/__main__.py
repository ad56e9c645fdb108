"""``python -m tdm_seed``."""

from tdm_seed.cli import main

if __name__ == "__main__":
    main()
