# Privacy modes. `local-only` never leaves the cell's own pools. `hybrid` may, to an accepted provider, once what could
# name a person or open a door has been taken out. The strictest of caller, intent and the operators' lists counts.
package bailiwick

private_enough(candidate) if candidate.locality == "local"

else if {
	candidate.locality == "api"
	open_mode
	not confined
	not held_back
}

objections contains "privacy_local_only" if {
	shut
	some candidate in input.candidates
	candidate.locality != "local"
}

# Modes that let a call leave at all; one that nobody knows is none of them.
open_mode if input.privacy == "allow-api"

else if input.privacy == "hybrid"

shut if not open_mode

else if confined

# The intent or the operators' lists keep the call on the cell's own pools.
confined if intent.privacy == "local-only"

else if facts.privacy.local_only_intents[input.intent]

else if facts.privacy.local_only_classifications[input.classification]

# What leaves the cell's own pools is redacted first.
guarded if input.privacy == "hybrid"

else if intent.privacy == "hybrid"

else if {
	intent.routes.hybrid
	not intent.routes.api
}
