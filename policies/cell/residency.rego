# Where a call may be computed: in the cell's own jurisdiction, or at a provider in one that the operators accept.
package bailiwick

resident(candidate) if candidate.jurisdiction == input.cell.jurisdiction

else if {
	candidate.locality == "api"
	facts.residency.jurisdictions_allow[candidate.jurisdiction]
}

else if {
	# The jurisdiction `local` is one machine: it says nothing about where providers may lie.
	candidate.locality == "api"
	input.cell.jurisdiction == "local"
}

objections contains "residency" if {
	some candidate in input.candidates
	not resident(candidate)
}
