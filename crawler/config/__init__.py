"""Configuration: TOML and environment to frozen dataclasses and back. Pure, except for access to its files."""
