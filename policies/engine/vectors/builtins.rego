# Expressions over every family of builtins; builtins.want.json has what opa 1.22.0 answers.
package vectors

sprintf_1 := sprintf("%d|%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c|%q|%U|%#x|%#o|% d", [42, 42, 42, 42, 42, 42, 42, 42, 42, 65, 65, 65, 255, 8, 7])

sprintf_2 := sprintf("%s|%10s|%-10s|%.2s|%q|%x|%X|%v|% x|%#q", ["héllo", "ab", "ab", "héllo", "a\"b\n", "hi", "hi", "x", "hi", "raw"])

sprintf_3 := sprintf("%f|%.2f|%8.3f|%-8.1f|%e|%E|%g|%G|%v|%08.2f|%+.1f", [3.14159, 3.14159, 3.14159, 3.14159, 12345.678, 12345.678, 1234567.5, 1e-7, 2.5, -3.14159, 2.25])

sprintf_4 := sprintf("%v %v %v %v %v", [[1, "a", null, true], {"k": [1]}, {1, 2}, set(), null])

sprintf_5 := sprintf("%d", ["x"])

sprintf_6 := sprintf("%s", [12])

sprintf_7 := sprintf("%d %d", [1])

sprintf_8 := sprintf("%d", [1, 2])

sprintf_9 := sprintf("%[2]d %[1]d", [1, 2])

sprintf_10 := sprintf("%*d|%-*d|", [5, 1, 5, 1])

sprintf_11 := sprintf("%!|%z|%", [1])

sprintf_12 := sprintf("%t|%v", [true, false])

sprintf_13 := sprintf("%T %T %T", [1, "a", 1.5])

sprintf_14 := sprintf("%.3d|%8.3d|%-8.3d|%+.3d", [5, 5, 5, 5])

sprintf_15 := sprintf("%6.2f%%", [99.5])

sprintf_16 := sprintf("%v|%d|%s", [123456789012345678901234567890, 123456789012345678901234567890, 1.0])

sprintf_17 := sprintf("%v %v %v %v", [1e3, 1e21, 0.00001, 100000000.5])

sprintf_18 := sprintf("%x %X %e", [-255, 3.5, 0])

sprintf_19 := sprintf("%5t|%5v|%05s", ["a", "b", "c"])

sprintf_20 := sprintf("%5q|%-8q|%+q", ["a", "b", "é☺"])

sprintf_21 := sprintf("%c%c", [128512, 0])

operators_1 := [0.1 + 0.2, 1 / 3, 2 / 3, 10 / 4, 1e300 * 1e300, 0.1 * 3, 1 - 0.9, 100000000000000000000 + 1, 1.5 * 2, (3 / 7) * 7]

operators_2 := [5 % 3, -5 % 3, 5 % -3, 123456789012345678901234567890 % 97]

round_1 := [round(2.5), round(-2.5), round(0.4999), ceil(-0.5), ceil(1.2), floor(-0.5), floor(-1.2), floor(1.9), abs(-1.5), abs(-123456789012345678901234567890)]

operators_3 := [123456789012345678901234567890 * 987654321098765432109876543210, 2 * 0.5, 1000000 * 1000000.5, 0.000001 * 0.1]

operators_4 := [((10 / 3) * 3) == 10, (0.1 + 0.2) == 0.3, 1 == 1.0, 1e2 == 100, 1.10 == 1.1]

json_marshal_1 := [json.marshal(1.0), json.marshal(1e3), json.marshal(0.1), json.marshal(123456789012345678901234567890), json.marshal(1 / 3), json.marshal(-0)]

bits_and_1 := [bits.and(12, 10), bits.or(12, 10), bits.xor(12, 10), bits.negate(5), bits.lsh(1, 100), bits.rsh(-8, 1), bits.and(-1, 255)]

time_format_1 := [time.format(1700000000123456789), time.format([1700000000123456789, "America/New_York"]), time.format([1700000000123456789, "Europe/Paris", "RFC1123"]), time.format([1690000000000000000, "Europe/London", "Mon Jan _2 15:04:05 MST 2006"]), time.format([1700000000000000000, "Asia/Kolkata", "2006-01-02T15:04:05.000Z07:00 MST PM pm Monday January 02 Jan 1 __2 002"])]

time_format_2 := [time.format([1700000000000000000, "Asia/Tokyo", "RFC822"]), time.format([1700000000000000000, "Australia/Sydney", "RFC850"]), time.format([1700000000000000000, "America/Sao_Paulo", "UnixDate"]), time.format([1700000000000000000, "Africa/Lagos", "UnixDate"]), time.format([0, "America/Los_Angeles", "ANSIC"]), time.format([1700000000000000000, "Asia/Dubai", "UnixDate"]), time.format([1700000000000000000, "Europe/Moscow", "UnixDate"])]

time_parse_ns_1 := [time.parse_ns("2006-01-02 15:04:05 -0700", "2023-11-14 22:13:20 +0130"), time.parse_ns("Jan 2, 2006 at 3:04pm (MST)", "Feb 3, 2013 at 7:54pm (PST)"), time.parse_ns("RFC1123", "Tue, 14 Nov 2023 22:13:20 GMT"), time.parse_ns("2006-002", "2023-318"), time.parse_ns("2006-01-02T15:04:05.000Z07:00", "2023-11-14T22:13:20.123-05:00")]

time_parse_rfc3339_ns_1 := [time.parse_rfc3339_ns("1985-04-12T23:20:50.52Z"), time.parse_rfc3339_ns("2023-11-14T22:13:20.123456789+05:30"), time.parse_duration_ns("1h30m"), time.parse_duration_ns("-1.5h"), time.parse_duration_ns("1d2h"), time.parse_duration_ns("100us"), time.parse_duration_ns("1w"), time.parse_duration_ns(".5s")]

time_date_1 := [time.date(0), time.clock([1700000000000000000, "America/New_York"]), time.weekday(1700000000000000000), time.add_date(1700000000000000000, 1, 2, -3), time.add_date(1700000000000000000, 0, 6, 0), time.diff(1700000000000000000, 1600000000000000000), time.diff([1700000000000000000, "Asia/Tokyo"], [1600000000000000000, "UTC"])]

time_add_date_1 := [time.add_date(1706745600000000000, 0, 1, 0), time.add_date(1710000000000000000, 0, 0, 1), time.date(-1), time.clock(-1)]

units_parse_1 := [units.parse("10Ki"), units.parse("1.5M"), units.parse("100m"), units.parse("0.5m"), units.parse("1e3"), units.parse("3.14e"), units.parse_bytes("10KiB"), units.parse_bytes("1.5gb"), units.parse_bytes("1e3k"), units.parse_bytes("0.1mb")]

units_parse_2 := [units.parse("1E"), units.parse("1e2Ki"), units.parse("5.m"), units.parse("0.001m")]

glob_match_1 := [glob.match("*.github.com", [], "api.github.com"), glob.match("*:github:com", [":"], "api:github:com"), glob.match("a**c", ["."], "ab.c"), glob.match("[!a]bc", [], "xbc"), glob.match("{a,b}*", null, "bzz"), glob.match("a?c", [], "a.c"), glob.match("\\*", [], "*"), glob.match("[a-c]x", [], "bx"), glob.match("{x,{y,z}}1", [], "z1"), glob.quote_meta("*.[a]{b}?\\")]

regex_replace_1 := [regex.replace("-ab-axxb-", "a(x*)b", "${1}W"), regex.replace("-ab-axxb-", "a(?P<x>x*)b", "$x-"), regex.replace("abc", "", "-"), regex.split("a*", "baaac"), regex.split(",", "a,b,,c"), regex.find_n("a*", "baaac", -1), regex.find_all_string_submatch_n("(a)(b)?", "abac", -1), regex.replace("aXbX", "X", "$$"), regex.replace("héllo", "l+", "[$0]")]

regex_template_match_1 := [regex.template_match("urn:foo:{.*}", "urn:foo:bar:baz", "{", "}"), regex.template_match("a<[0-9]+>b", "a12b", "<", ">"), regex.is_valid("(?i)a"), regex.is_valid("("), regex.match("(?s)a.b", "a\nb"), regex.match("^\\p{L}+$", "héé"), regex.globs_match("a.a.[0-9]+z", "b.b3.2.1z"), regex.globs_match("a*", "a+b?")]

net_cidr_merge_1 := [net.cidr_merge(["10.0.0.0/25", "10.0.0.128/25", "10.1.0.0/16"]), net.cidr_merge(["2001:db8::/33", "2001:db8:8000::/33"]), net.cidr_expand("192.168.1.4/30"), net.cidr_contains("10.0.0.0/8", "10.1.2.3/16"), net.cidr_contains("::/0", "::1"), net.cidr_intersects("10.0.0.0/8", "10.5.0.0/16"), net.cidr_contains_matches(["10.0.0.0/8", ["192.168.0.0/16", "x"]], {"a": "10.1.1.1", "b": "192.168.3.4/24"})]

semver_compare_1 := [semver.compare("1.0.0-alpha.1", "1.0.0-alpha.beta"), semver.compare("1.0.0", "1.0.0+b"), semver.compare("2.0.0", "10.0.0"), semver.is_valid("1.2"), semver.is_valid("v1.2.3"), semver.compare("1.0.0-rc.1", "1.0.0")]

json_patch_1 := [json.patch({"a": {"foo": 1}}, [{"op": "add", "path": "/a/bar", "value": 2}, {"op": "remove", "path": "a/foo"}, {"op": "copy", "from": "/a/bar", "path": "/b"}]), json.patch([1, 2, 3], [{"op": "move", "from": "/0", "path": "/-"}]), json.patch({"s": {1, 2}}, [{"op": "remove", "path": ["s", 1]}]), json.filter({"a": [{"b": 1}, {"c": 2}]}, ["a/0/b"]), json.remove({"a": [1, 2, 3]}, ["a/1"])]

strings_render_template_1 := [strings.render_template("{{range $k,$v := .m}}{{$k}}={{$v}};{{end}}{{if eq .x 1}}one{{else if gt .x 1}}many{{else}}none{{end}} {{len .l}} {{index .l 1}} {{printf \"%s-%v\" .s .x}} {{- \" t\" -}} {{/* c */}}!{{with .m}}{{.a}}{{end}}{{.l}}{{.m}}", {"m": {"a": 1, "b": "z"}, "x": 2, "l": ["p", "q"], "s": "S"})]

upper_1 := [upper("straße İ é"), lower("ÀÉÎ ΑΣ"), trim("--a-b--", "-"), trim_space("\u00a0 a\t\n"), split("a,b", ""), split("", ","), replace("aaa", "a", "bb"), replace("abc", "", "-"), indexof("héllo", "l"), indexof_n("ababa", "aba"), substring("héllo", 1, 3), strings.count("cheese", "e"), strings.count("abc", ""), strings.reverse("añb"), strings.replace_n({"a": "b", "b": "c"}, "ab"), format_int(-255.7, 16), concat("-", {"b", "a"})]

urlquery_encode_1 := [urlquery.encode("a b&c/é"), urlquery.decode("a+b%26"), urlquery.encode_object({"a": ["2", "1"], "b": "x y"}), urlquery.decode_object("a=1&b=2&a=3&c"), base64.encode("é"), base64url.encode("a?>"), base64url.decode("YT8-"), hex.encode("é"), base64.is_valid("YQ="), base64.decode("YWJj\n")]

yaml_marshal_1 := [yaml.marshal({"a": [1, {"b": null}], "c": "yes", "d": "1", "e": 1.5, "f": "a: b", "g": ""}), yaml.marshal([]), yaml.marshal("x\ny"), yaml.unmarshal("a: yes\nb: 0x1F\nc: 1_000\nd: ~\ne: 010\nf: 2023-01-01\n? g\n: h\ni: 1.0\n"), yaml.unmarshal("&a [1, *a]")]

yaml_unmarshal_1 := [yaml.unmarshal("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2"), yaml.unmarshal(""), yaml.unmarshal("- 1e3\n- .5\n- +1\n- 0o17\n- .inf2\n- true\n- True\n- on\n- null"), yaml.is_valid("a: [")]

json_marshal_2 := [json.marshal({"b": 1, "a": "<&>\u2028é\u0001"}), json.marshal_with_options([1, {"a": []}], {"indent": "  ", "prefix": ">"}), json.marshal({1: 2, [1]: 3}), json.unmarshal("{\"a\":1.50,\"a\":2}"), json.is_valid("{}x"), json.marshal({"x", 1})]

uri_parse_1 := [uri.parse("https://u:p@h.example.com:8080/a%2Fb/c?x=1#f%20g"), uri.is_valid("a b"), uri.parse("mailto:a@example.com"), uri.is_valid("http://[::1]:80/")]

graph_reachable_1 := [graph.reachable({"a": ["b"], "b": ["a", "c"], "c": []}, ["a"]), graph.reachable_paths({"a": ["b", "c"], "b": ["d"], "c": [], "d": ["a"]}, ["a"])]

to_number_1 := [to_number("1e3"), to_number("0x10"), to_number("-1.50"), to_number("1_0")]

crypto_sha256_1 := [crypto.sha256("a"), crypto.md5("a"), crypto.hmac.sha512("m", "k"), crypto.sha1(base64.decode("/w=="))]

object_union_1 := [object.union({"a": {"b": 1}}, {"a": {"c": 2}}), object.union_n([{"a": {"b": 1}}, {"a": 4}, {"a": {"c": 3}}]), object.subset({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}), object.subset([1, 2, 3], [2, 3]), object.get({"a": [1, {"b": 2}]}, ["a", 1, "b"], 0), object.filter({"a": 1, "b": 2}, ["a"])]

uuid_parse_1 := [uuid.parse("urn:uuid:00000000-0000-1000-8000-325096b39f47"), uuid.parse("{4d6c9d1a-7a5b-4a6f-9b0c-0123456789ab}"), uuid.parse("4d6c9d1a7a5b4a6f9b0c0123456789ab")]

sort_1 := [sort([3, "a", null, {1}, [1], {"k": 1}, true, 1.5]), max([1, 2.5]), min({"b", "a"}), sum([0.1, 0.2]), product([2, 3.5]), [1, "a"] < [1, "b"], {1, 2} < {1, 3}, "é" < "z", "😀" > "ﬀ"]

json_match_schema_1 := [json.match_schema({"l": [1, 1, "a"]}, {"properties": {"l": {"items": {"type": "integer"}, "uniqueItems": true, "maxItems": 2}}}), json.match_schema({"x": 1.5}, {"properties": {"x": {"multipleOf": 0.5, "exclusiveMaximum": 1.5}}})]

operators_5 := $"a {1 + 1} {[1, "x"]} s"

operators_6 := {x: y | some x, y in {"b": 1, "a": 2}}

walk_1 := [walk_all | walk_all := [p, v]; walk({"a": [1]}, [p, v])]

json_match_schema_2 := [json.match_schema({"c": "zz"}, {"type": "object", "properties": {"c": {"enum": ["x"], "maxLength": 1, "pattern": "^y"}}, "required": ["b"], "additionalProperties": false}), json.verify_schema({"type": "object"})]
