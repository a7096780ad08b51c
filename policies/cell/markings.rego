# Release markings: to whom marked content may be shown. A marking that the operators did not describe stays on the
# cell's own pools, because nobody said where else it may go.
package bailiwick

releasable(marking, candidate) if {
	release := facts.markings[marking]
	near_enough(release, candidate)
	listed(release.jurisdictions, candidate.jurisdiction)
	listed(release.providers, candidate.provider)
}

else if {
	not facts.markings[marking]
	candidate.locality == "local"
}

near_enough(release, candidate) if candidate.locality == "local"

else if release.local_only == false

objections contains "marking_not_released" if {
	some marking in input.markings
	some candidate in input.candidates
	not releasable(marking, candidate)
}

# A tenant that is cleared for some markings handles no others.
denials contains "marking_not_cleared" if {
	some marking in input.markings
	not listed(facts.tenant.markings, marking)
}
