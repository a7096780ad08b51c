# Which of the offered candidates may be used: those against which nothing speaks. Each question is asked in the file
# that is named after it; `objections` are the reasons against the others.
package bailiwick

usable := placed if {
	count(input.markings) == 0
	count(applicable) == 0
}

else := [candidate |
	some candidate in placed
	every marking in input.markings {
		releasable(marking, candidate)
	}
	every restriction in applicable {
		permits(restriction, candidate)
	}
]

placed := [candidate |
	some candidate in input.candidates
	resident(candidate)
	provider_accepted(candidate)
	private_enough(candidate)
	fits_intent(candidate)
]

# The call would be computed by somebody.
reaches_engine if count(input.candidates) > 0

# To some usable candidate the call would leave the cell's own pools.
leaves if {
	some candidate in usable
	candidate.locality == "api"
}

# What is done before the call goes to a provider. A guarded call is redacted by all detectors, which includes any.
candidate_duties := [{"match": {"locality": "api"}, "obligations": [{"id": "redact_input"}]}] if {
	guarded
	leaves
}

else := [{
	"match": {"locality": "api"},
	"obligations": [{"id": "redact_input", "params": {"detectors": redacted_abroad}}],
}] if {
	count(suspected) > 0
	count(redacted_abroad) > 0
	leaves
}

else := []

# What the configuration says about the call's intent. Undefined for calls without one.
intent := facts.intents[input.intent] if input.intent != null

denials contains "intent_unknown" if {
	input.intent != null
	not intent
}
