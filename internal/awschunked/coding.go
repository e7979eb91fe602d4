package awschunked

import "strings"

// coding is the name of the coding in Content-Encoding.
const coding = "aws-chunked"

// StripContentEncoding returns the values of a Content-Encoding header without
// aws-chunked, for a body that was decoded: what the object itself is encoded in.
// Clients put aws-chunked before, after or beside it, in any case. The result is
// nil if nothing is left; values that do not name aws-chunked stay as they are.
func StripContentEncoding(values []string) []string {
	var kept []string
	for _, value := range values {
		if !strings.Contains(strings.ToLower(value), coding) {
			kept = append(kept, value)
			continue
		}
		var tokens []string
		for token := range strings.SplitSeq(value, ",") {
			if token = strings.TrimSpace(token); token != "" && !strings.EqualFold(token, coding) {
				tokens = append(tokens, token)
			}
		}
		if len(tokens) > 0 {
			kept = append(kept, strings.Join(tokens, ","))
		}
	}
	return kept
}
