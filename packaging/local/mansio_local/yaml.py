"""Writing YAML: as much of it as configurations need. Python's library has none."""

import json
import re


def to_yaml(value, indent=0):
    """A dictionary as YAML. Texts are quoted, all but durations and sizes, which may not be."""
    pad = "  " * indent
    if isinstance(value, dict):
        if not value:
            return " {}\n"
        lines = "".join(f"{pad}{key}:{to_yaml(below, indent + 1)}" for key, below in value.items())
        return ("\n" if indent else "") + lines
    if isinstance(value, list):
        return " [" + ", ".join(to_yaml(item).strip() for item in value) + "]\n"
    if isinstance(value, str) and re.fullmatch(r"\d+(us|ms|s|m|h|d|K|M|G)", value):
        return f" {value}\n"
    return f" {json.dumps(value)}\n"
