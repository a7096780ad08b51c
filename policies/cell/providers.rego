# Which providers may be used: those on the cell's list and on the tenant's, unless the cell denies them.
package bailiwick

provider_accepted(candidate) if {
	known := facts
	known.providers.allow[candidate.provider]
	known.tenant.providers_allow[candidate.provider]
	not known.providers.deny[candidate.provider]
}

objections contains "provider_denied" if {
	some candidate in input.candidates
	facts.providers.deny[candidate.provider]
}

objections contains "provider_not_allowed" if {
	some candidate in input.candidates
	not facts.providers.allow[candidate.provider]
}

objections contains "provider_not_allowed_for_tenant" if {
	some candidate in input.candidates
	not facts.tenant.providers_allow[candidate.provider]
}
