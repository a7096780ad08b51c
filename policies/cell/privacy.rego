# Privacy modes. `local-only` never leaves the cell's own pools. `hybrid` may, to an accepted provider, once what could
# name a person or open a door has been taken out. The strictest of caller, intent and the operators' lists counts.
package bailiwick

private_enough(candidate) if candidate.locality == "local"

else if {
	candidate.locality == "api"
	not confined
	not held_back
}

objections contains "privacy_local_only" if {
	confined
	some candidate in input.candidates
	candidate.locality != "local"
}

# Nothing of the call leaves the cell's own pools.
confined if not input.privacy in {"hybrid", "allow-api"}

else if intent.privacy == "local-only"

else if data.facts.privacy.local_only_intents[input.intent]

else if data.facts.privacy.local_only_classifications[input.classification]

# What leaves the cell's own pools is redacted first.
guarded if input.privacy == "hybrid"

else if intent.privacy == "hybrid"

else if {
	intent.routes.hybrid
	not intent.routes.api
}

candidate_duties contains {
	"match": {"locality": "api"},
	"obligations": [{"id": "redact_input"}],
} if {
	guarded
	leaves
}
