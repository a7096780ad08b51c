# Which of the offered candidates may be used: those against which nothing speaks. Each question is asked in the file
# that is named after it; `objections` are the reasons against the others.
package bailiwick

usable contains candidate.id if {
	some candidate in input.candidates
	resident(candidate)
	provider_accepted(candidate)
	private_enough(candidate)
	fits_intent(candidate)
	every marking in input.markings {
		releasable(marking, candidate)
	}
	every restriction in data.facts.restrictions {
		permits(restriction, candidate)
	}
}

# The call would be computed by somebody.
reaches_engine if count(input.candidates) > 0

# To some usable candidate the call would leave the cell's own pools.
leaves if {
	some candidate in input.candidates
	candidate.locality == "api"
	candidate.id in usable
}

# What the configuration says about the call's intent. Undefined for calls without one.
intent := data.facts.intents[input.intent] if input.intent != null

denials contains "intent_unknown" if {
	input.intent != null
	not intent
}
