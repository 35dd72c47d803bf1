"""Files that a service or an editor reads at their path, and so are of its kind even if they look like a file of another kind.

The formats accept keys that they do not know, or texts of several lines, so a file can have `apiVersion` and `kind` and run images all the same.
Imports the paths of pipelines; for the content, the YAML trees.
"""

from __future__ import annotations

from imglint.readers._pipeline_paths import CERTAIN, kind_by_path
from imglint.readers._workflows import is_in_folder_of_workflows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.source import Source
    from imglint.yaml.nodes import Mapping

_KEYS = {
    "azure-pipelines": ("jobs", "stages", "steps", "extends"),
    "buildkite": ("steps",),
    "circleci": ("jobs", "executors", "orbs"),
    "cloudbuild": ("steps",),
    "drone": ("steps", "pipeline"),
    "woodpecker": ("steps", "pipeline"),
}
"""Keys at the top level of pipelines, which no manifest has."""
_DEVELOPMENT_CONTAINERS = ("devcontainer.json", ".devcontainer.json")
_OF_DEVELOPMENT_CONTAINERS = ("image", "build", "dockerFile", "dockerComposeFile")
_ACTIONS = ("action.yaml", "action.yml")
_GITLAB = (".gitlab-ci.yaml", ".gitlab-ci.yml")
_BAKE = "docker-bake."
_MANIFEST = ("apiVersion", "kind")


def is_of_its_path(source: Source) -> bool:
    """Return whether a file is where a program reads it as a pipeline, an action, a development container or a Bake file, and has what makes it one."""
    name = source.name.lower()
    if name.endswith(".json"):
        if name in _DEVELOPMENT_CONTAINERS:
            return _has_in_json(source.text, _OF_DEVELOPMENT_CONTAINERS)
        if name.startswith(_BAKE):
            return _has_in_json(source.text, ("target",))
    elif name in _ACTIONS:
        return any(_is_action(root) for root in _mappings(source.text))
    elif name in _GITLAB:
        return any(not all(key in root for key in _MANIFEST) for root in _mappings(source.text))
    elif name.endswith((".yaml", ".yml")):
        if is_in_folder_of_workflows(source.path):
            return _has_key(source.text, ("jobs",))
    else:
        return False
    kind, certainty = kind_by_path(source)
    return certainty == CERTAIN and _has_key(source.text, _KEYS[kind])


def _has_key(text: str, keys: tuple[str, ...]) -> bool:
    return any(key in root for root in _mappings(text) for key in keys)


def _is_action(root: Mapping) -> bool:
    runs = root.mapping("runs")
    return runs is not None and "using" in runs


def _mappings(text: str) -> list[Mapping]:
    from imglint.yaml.documents import documents
    from imglint.yaml.nodes import Mapping

    return [document.root for document in documents(text) if isinstance(document.root, Mapping)]


def _has_in_json(text: str, keys: tuple[str, ...]) -> bool:
    from imglint.readers._json import InvalidJson, parse_json
    from imglint.yaml.nodes import Mapping

    try:
        root = parse_json(text)
    except InvalidJson:
        return False
    return isinstance(root, Mapping) and any(key in root for key in keys)
