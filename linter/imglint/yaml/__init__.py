"""YAML for readers: trees with exact positions, and uses of images made from their scalars.

    from imglint.yaml import Mapping, image_use_of, read_documents

    def read(source):
        roots, facts = read_documents(source)
        yield from facts
        for root in roots:
            for job in root.sequence("jobs") if isinstance(root, Mapping) else ():
                image = job.scalar("image") if isinstance(job, Mapping) else None
                if image:
                    yield image_use_of(source, image, place="job", where="job")

The names are imported when they are first used, so that the policy loader, which needs only the nodes, does not pay for the rest.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.yaml.facts import image_use_of, is_templated, read_documents, traced_text
    from imglint.yaml.nodes import Mapping, Node, Scalar, Sequence, walk
    from imglint.yaml.templates import has_template_actions

__all__ = [
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "has_template_actions",
    "image_use_of",
    "is_templated",
    "read_documents",
    "traced_text",
    "walk",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from imglint.yaml import facts

        return getattr(facts, name)
