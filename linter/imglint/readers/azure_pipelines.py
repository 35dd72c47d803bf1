"""Azure Pipelines: the images that jobs and their services run in. Imports the YAML trees.

The format is that of https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/ (`resources.containers`, `jobs.job.container`,
`jobs.deployment`) and of the JSON Schema in microsoft/azure-pipelines-vscode (service-schema.json). How it names images is in `_azure_jobs.py`.
"""

from __future__ import annotations

from imglint.model import CI
from imglint.readers._pipelines import claims_pipeline, mappings, read_pipeline
from imglint.yaml.nodes import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint.model import Fact, ImageUse
    from imglint.source import Source
    from imglint.yaml.nodes import Node

FILES = ("*.yaml", "*.yml")
ENVIRONMENT = CI

TEMPLATE = "${{"
STEPS = ("task", "script", "bash", "pwsh", "powershell", "checkout", "publish", "download")
HINTS = (
    *("template:", "vmImage"),
    *[f"{before}{key}:" for key in ("job", "deployment", "stage", "container") for before in ("- ", "{", "{ ")],
    *[f"- {key}:" for key in STEPS],
)
"""A pipeline with a name of its own contains one of these."""
RESOURCES = ("containers", "repositories", "pipelines", "builds", "packages", "webhooks")
LISTS = {
    "stages": ("stage",),
    "jobs": ("job", "deployment"),
    "steps": STEPS,
}
"""The lists of a pipeline, and the keys of which each item has one."""


def claims(source: Source) -> bool:
    """Return whether the file is named `azure-pipelines`, or has stages, jobs, steps or resources as only Azure Pipelines has them."""
    return claims_pipeline(source, "azure-pipelines", _is_pipeline, HINTS)


def _is_pipeline(root: Node) -> bool:
    if not isinstance(root, Mapping):
        return False
    resources, extends = root.mapping("resources"), root.mapping("extends")
    return (
        (resources is not None and any(key in resources for key in RESOURCES))
        or (extends is not None and extends.scalar("template") is not None)
        or any(_is_item(item, keys) for name, keys in LISTS.items() for item in mappings(root.get(name)))
    )


def _is_item(item: Mapping, keys: tuple[str, ...]) -> bool:
    """Return whether an item of a list has one of the keys, is a template, or depends on a condition."""
    return "template" in item or any(key in keys or key.startswith(TEMPLATE) for key in item.by_key)


def read(source: Source) -> Iterator[Fact]:
    """Yield the images of all jobs, services and container resources."""
    return read_pipeline(source, _images)


def _images(source: Source, root: Node) -> Iterator[ImageUse]:
    # Imported here because few files are pipelines.
    from imglint.readers._azure_jobs import Pipeline

    return Pipeline(source, root).images() if isinstance(root, Mapping) else iter(())
