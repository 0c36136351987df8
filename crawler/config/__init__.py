"""The configuration: TOML and environment to frozen dataclasses and back. Pure but for reading and writing its files."""
