package main

import rego.v1

registries := {"ghcr.io/acme/", "quay.io/acme/"}

deny contains msg if {
	some container in input.spec.template.spec.containers
	not allowed(container.image)
	msg := sprintf("%s is not from an allowed registry", [container.image])
}

allowed(image) if {
	some registry in registries
	startswith(image, registry)
}

deny contains msg if {
	some container in input.spec.template.spec.containers
	not regex.match(`:v[0-9]+\.[0-9]+\.[0-9]+$`, container.image)
	msg := sprintf("%s has no version tag", [container.image])
}
