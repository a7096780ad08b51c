# Data-loss prevention: what named detectors found in a call, such as credentials or personal data, and what the
# operators want done about it. Where nobody looked, whatever is looked for counts as found.
package bailiwick

suspected contains detector if {
	input.features.detected == null
	some detector, _ in data.facts.data_loss.detectors
	reaches_engine
}

suspected contains detector if {
	some detector in input.features.detected
	data.facts.data_loss.detectors[detector]
}

# Some finds stop the call.
denials contains loss if {
	some detector in suspected
	rule := data.facts.data_loss.detectors[detector]
	rule.effect == "deny"
	not rule.leaving_only
}

loss := "data_loss_unchecked" if input.features.detected == null

else := "data_loss"

# Others keep it on the cell's own pools.
held_back if {
	some detector in suspected
	rule := data.facts.data_loss.detectors[detector]
	rule.effect == "deny"
}

objections contains loss if {
	held_back
	some candidate in input.candidates
	candidate.locality != "local"
}

# The rest is taken out, of every call or of those that leave.
redacted(leaving_only) := sort([detector |
	some detector in suspected
	rule := data.facts.data_loss.detectors[detector]
	rule.effect == "redact"
	rule.leaving_only == leaving_only
])

duties contains {"id": "redact_input", "params": {"detectors": redacted(false)}} if {
	count(suspected) > 0
	count(redacted(false)) > 0
}

candidate_duties contains {
	"match": {"locality": "api"},
	"obligations": [{"id": "redact_input", "params": {"detectors": redacted(true)}}],
} if {
	count(suspected) > 0
	count(redacted(true)) > 0
	leaves
}

duties contains {"id": "redact_output", "params": {"detectors": data.facts.data_loss.output}} if {
	count(data.facts.data_loss.output) > 0
	reaches_engine
}
