# METADATA
# title: Answers as it is told
# description: A tenant's policy whose data lists the whole decision for each action; anything else is denied. `answers.json` is its plan.
package bailiwick

default decision := {"decision": "DENY", "reasons": ["no_answer"]}

decision := data.answers[input.action]
