"""An image without a signature by the key of its row in the policy.

**Why it matters:** a signature shows that the image is the one that your release process built. Without it, whoever can push to the registry
decides what runs.

**How to fix it:** sign the image: `cosign sign --key cosign.key IMAGE@DIGEST`. If the message says that the signature is for another image, somebody
copied the signature from that image, or pushed this image after the other one was signed.

The signature must be made with the row's `signed: {key: FILE}`, for the digest of this image; both formats of cosign are read. A multi-platform
image needs a signature of its index. Signatures without a key are not supported, and transparency logs are not checked. The rule needs
the package `cryptography`: `pip install 'imglint[signatures]'`.

## Flagged

```yaml registry
ghcr.io/acme/web:v1.2.3: {}
ghcr.io/acme/api:v1.2.3: {signed-by: cosign.pub}
```

```yaml policy
images:
  - match: ghcr.io/acme/*
    signed: {key: cosign.pub}
```

```yaml compose
services:
  web:
    image: ghcr.io/acme/web:v1.2.3
```

## Passed

```yaml compose
services:
  api:
    image: ghcr.io/acme/api:v1.2.3
```
"""

from __future__ import annotations

from posixpath import basename

from imglint import ImageUse, Severity
from imglint_rules._words import because

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from imglint import Finding

LEVEL = Severity.ERROR
ONLINE = True
TAGS = ("security", "supply-chain")
SECURITY_SEVERITY = "7.0"


def check_image(use: ImageUse, _options: object) -> Iterator[Finding]:
    """Flag the whole reference."""
    row = use.row
    if row is None or row.signed is None or not row.approved:
        return
    reference, online = use.asked, use.online
    if reference is None or online is None:
        return
    signature = online.signature(reference, row.signed)
    if signature is None or signature.result == "signed":
        return
    key = f"`{basename(row.signed.path)}`"
    problem = {
        "unsigned": f"image is not signed; sign it with the key for {key}",
        "other-key": f"image is signed, but not with the key for {key}; sign it with that key or use another image",
        "moved": f"signature by {key} is for another image, {signature.signed}; find out who pushed this image before you sign it",
    }[signature.result]
    what, _, advice = problem.partition("; ")
    yield use.finding(f"{what}{because(row)}; {advice}", policy=row.at)
