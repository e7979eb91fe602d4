package sigv4

import (
	"net/http"
	"strings"
	"time"
)

const (
	algorithmV4  = "AWS4-HMAC-SHA256"
	algorithmV4A = "AWS4-ECDSA-P256-SHA256"

	// timestampFormat is the form of X-Amz-Date and of the string to sign.
	timestampFormat = "20060102T150405Z"

	// maxAuthorizationBytes is above any genuine header: 256 signed headers.
	maxAuthorizationBytes = 16 << 10
)

// A claim is what a request says about its own signature. Its strings are parts
// of the request wherever possible.
type claim struct {
	presigned     bool
	credential    string
	signedHeaders string
	signature     string // 64 lower-case hexadecimal digits once checked

	accessKey string
	scope     string // date/region/service/aws4_request
	date      string // of the scope, 8 digits
	region    string

	timestamp string // 16 characters
	time      time.Time
	expires   time.Duration // presigned only

	contentSHA256 string // as sent, or what its absence stands for
}

// malformed returns an error with the code that fits the mechanism.
func (c *claim) malformed(message string) *Error {
	if c.presigned {
		return bad(CodeQueryMalformed, message)
	}
	return bad(CodeHeaderMalformed, message)
}

// parseAuthorization reads an Authorization header's value.
func (c *claim) parseAuthorization(value string) *Error {
	if len(value) > maxAuthorizationBytes {
		return c.malformed("The Authorization header is too long.")
	}
	algorithm, rest, _ := strings.Cut(value, " ")
	switch {
	case algorithm == algorithmV4:
	case algorithm == algorithmV4A:
		return bad(CodeInvalidRequest, messageUnsupportedV4A)
	case algorithm == "AWS":
		return bad(CodeInvalidRequest, messageUnsupportedV2)
	default:
		return bad(CodeInvalidArgument, "Unsupported Authorization Type: only AWS4-HMAC-SHA256 is supported.")
	}
	for more := true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return c.malformed("The Authorization header needs Credential, SignedHeaders and Signature, separated by commas.")
		}
		var field *string
		switch name {
		case "Credential":
			field = &c.credential
		case "SignedHeaders":
			field = &c.signedHeaders
		case "Signature":
			field = &c.signature
		default:
			return c.malformed("The Authorization header holds an unknown part.")
		}
		if *field != "" {
			return c.malformed("The Authorization header holds " + name + " twice.")
		}
		if value == "" {
			return c.malformed("The Authorization header holds an empty " + name + ".")
		}
		*field = value
	}
	switch {
	case c.credential == "":
		return c.malformed("The Authorization header is missing Credential.")
	case c.signedHeaders == "":
		return c.malformed("The Authorization header is missing SignedHeaders.")
	case c.signature == "":
		return c.malformed("The Authorization header is missing Signature.")
	}
	return nil
}

// parseCredential splits access-key/date/region/service/aws4_request, from the
// right, and checks what the server prescribes.
func (c *claim) parseCredential(region, service string) *Error {
	rest, end, ok := cutLast(c.credential)
	if !ok || end != terminator {
		return c.malformed("The credential must end in /aws4_request.")
	}
	rest, gotService, ok := cutLast(rest)
	if !ok || gotService != service {
		return c.malformed("The credential's service must be '" + service + "'.")
	}
	rest, c.region, ok = cutLast(rest)
	if !ok || !isRegion(c.region) {
		return c.malformed("The credential's region is malformed.")
	}
	if region != "" && c.region != region {
		return c.malformed("The region " + quoteForMessage(c.region) + " is wrong; expecting '" + region + "'.")
	}
	c.accessKey, c.date, ok = cutLast(rest)
	if !ok || !isDigits(c.date, len("20060102")) {
		return c.malformed("The credential's date must have the form YYYYMMDD.")
	}
	if !isAccessKey(c.accessKey) {
		return c.malformed("The credential's access key is malformed.")
	}
	c.scope = c.credential[len(c.accessKey)+1:]
	return nil
}

func cutLast(s string) (before, after string, ok bool) {
	at := strings.LastIndexByte(s, '/')
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

func isDigits(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func isRegion(s string) bool { return isPrintable(s, 64) }

func isAccessKey(s string) bool { return isPrintable(s, 128) }

func isPrintable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func isLowerHex256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// parseTimestamp reads the compact ISO 8601 form, and nothing else.
func parseTimestamp(s string) (time.Time, bool) {
	if len(s) != len(timestampFormat) {
		return time.Time{}, false
	}
	t, err := time.Parse(timestampFormat, s)
	return t, err == nil
}

// headerTime finds the time of a request signed in its headers: X-Amz-Date, or
// else Date in either form.
func (c *claim) headerTime(h http.Header) *Error {
	values, name := h["X-Amz-Date"], "X-Amz-Date"
	if len(values) == 0 {
		values, name = h["Date"], "Date"
	}
	if len(values) == 0 {
		return denied(CodeAccessDenied, "AWS authentication requires a valid Date or x-amz-date header.")
	}
	if len(values) > 1 {
		return denied(CodeAccessDenied, "The "+name+" header is there more than once.")
	}
	if t, ok := parseTimestamp(values[0]); ok {
		c.time, c.timestamp = t, values[0]
		return nil
	}
	if name == "Date" {
		if t, err := http.ParseTime(values[0]); err == nil {
			c.time = t.UTC()
			c.timestamp = c.time.Format(timestampFormat)
			return nil
		}
	}
	return denied(CodeAccessDenied, "AWS authentication requires a valid Date or x-amz-date header: the "+name+" header cannot be read.")
}

// checkTime holds the claim against the clock.
func (c *claim) checkTime(now time.Time, maxSkew time.Duration) *Error {
	if c.timestamp[:len(c.date)] != c.date {
		return c.malformed("The credential's date is not the date of the request.")
	}
	if !c.presigned {
		if skew := now.Sub(c.time); skew > maxSkew || skew < -maxSkew {
			return denied(CodeRequestTimeTooSkewed, "The difference between the request time and the server's time is too large: the request says "+
				c.timestamp+", the server "+now.UTC().Format(timestampFormat)+", "+maxSkew.String()+" are allowed.")
		}
		return nil
	}
	if now.Before(c.time.Add(-maxSkew)) {
		return denied(CodeAccessDenied, "Request is not valid yet: it begins at "+c.timestamp+".")
	}
	if now.After(c.time.Add(c.expires)) {
		return denied(CodeAccessDenied, "Request has expired: it ended at "+c.time.Add(c.expires).Format(timestampFormat)+".")
	}
	return nil
}
