# What a call of an intent may cost, write and take.
package bailiwick

capped if count(intent.limits) > 0

limits := {"limits": intent.limits} if capped

else := {}
