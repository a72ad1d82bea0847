"""Reads YAML as text: what each key holds stays as it is written, and a key that stands twice is refused.

A password's hash, a header's value and a file's name are text whatever YAML would make of them, and a second
`basic_auth_users` would quietly replace the first.
"""

from collections.abc import Hashable
from typing import Any

import yaml

_KEPT_TAGS = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}
_RESOLVERS = {
    first: [one for one in resolvers if one[0] in _KEPT_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _TextLoader(yaml.SafeLoader):
    """Knows text, maps, lists and nothing."""

    yaml_implicit_resolvers = _RESOLVERS

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"line {node.start_mark.line + 1}: {twice[0]!r} stands twice")
        return super().construct_mapping(node, deep)


def read_text_yaml(text: str) -> object:
    """Return what YAML says: maps, lists, text, and None for nothing.

    Raises:
        ValueError: it is no YAML, or a key stands twice; the message repeats no value.
    """
    try:
        return yaml.load(text, Loader=_TextLoader)  # a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}not YAML") from None
