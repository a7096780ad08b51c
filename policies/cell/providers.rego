# Which providers may be used: those on the cell's list and on the tenant's, unless the cell denies them.
package bailiwick

provider_accepted(candidate) if {
	data.facts.providers.allow[candidate.provider]
	data.facts.tenant.providers_allow[candidate.provider]
	not data.facts.providers.deny[candidate.provider]
}

objections contains "provider_denied" if {
	some candidate in input.candidates
	data.facts.providers.deny[candidate.provider]
}

objections contains "provider_not_allowed" if {
	some candidate in input.candidates
	not data.facts.providers.allow[candidate.provider]
}

objections contains "provider_not_allowed_for_tenant" if {
	some candidate in input.candidates
	not data.facts.tenant.providers_allow[candidate.provider]
}
