# Data-loss prevention: what named detectors found in a call, such as credentials or personal data, and what the
# operators want done about it. Where nobody looked, whatever is looked for counts as found.
package bailiwick

suspected contains detector if {
	input.features.detected == null
	some detector, _ in facts.data_loss.detectors
	reaches_engine
}

suspected contains detector if {
	some detector in input.features.detected
	facts.data_loss.detectors[detector]
}

# Some finds stop the call.
denials contains loss if {
	some detector in suspected
	rule := facts.data_loss.detectors[detector]
	rule.effect == "deny"
	not rule.leaving_only
}

loss := "data_loss_unchecked" if input.features.detected == null

else := "data_loss"

# Others keep it on the cell's own pools.
held_back if {
	some detector in suspected
	rule := facts.data_loss.detectors[detector]
	rule.effect == "deny"
}

objections contains loss if {
	held_back
	some candidate in input.candidates
	candidate.locality != "local"
}

# The rest is taken out: of every call, or of those that leave.
duties contains {"id": "redact_input", "params": {"detectors": redacted}} if {
	redacted := sort([detector | some detector in suspected; taken_out(detector, false)])
	count(redacted) > 0
}

redacted_abroad := sort([detector | some detector in suspected; taken_out(detector, true)])

taken_out(detector, leaving_only) if {
	rule := facts.data_loss.detectors[detector]
	rule.effect == "redact"
	rule.leaving_only == leaving_only
}

duties contains {"id": "redact_output", "params": {"detectors": facts.data_loss.output}} if {
	count(facts.data_loss.output) > 0
	reaches_engine
}
