package sigv4

import (
	"net/http"
	"strconv"
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
	form          bool // of a policy
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
	if c.form {
		return invalidArgument(message, "x-amz-credential", c.credential)
	}
	if c.presigned {
		return bad(CodeQueryMalformed, message)
	}
	return bad(CodeHeaderMalformed, "The authorization header is malformed; "+message)
}

// malformedCredential is malformed for what is inside the credential.
func (c *claim) malformedCredential(message string) *Error {
	if c.presigned {
		message = "Error parsing the X-Amz-Credential parameter; " + message
	}
	return c.malformed(message)
}

// parseAuthorization reads an Authorization header's value. The three components
// may come in any order.
func (c *claim) parseAuthorization(value string) *Error {
	if len(value) > maxAuthorizationBytes {
		return c.malformed("the header is too long.")
	}
	algorithm, rest, ok := strings.Cut(value, " ")
	switch {
	case !ok:
		return invalidArgument("Authorization header is invalid -- one and only one ' ' (space) required.", "Authorization", value)
	case algorithm == algorithmV4:
	case algorithm == algorithmV4A:
		return unsupported(hintV4A)
	case algorithm == "AWS":
		return unsupported(hintV2)
	default:
		return invalidArgument("Unsupported Authorization Type", "Authorization", algorithm)
	}
	if strings.Count(rest, ",") != 2 {
		return c.malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	for part := range strings.SplitSeq(rest, ",") {
		part = strings.TrimSpace(part)
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return c.malformed("the authorization component " + quoted(part) + " is malformed.")
		}
		switch name { // of three, an unknown or a second one leaves another missing
		case "Credential":
			c.credential = value
		case "SignedHeaders":
			c.signedHeaders = value
		case "Signature":
			c.signature = value
		}
	}
	switch {
	case c.credential == "":
		return c.malformed("missing Credential.")
	case c.signedHeaders == "":
		return c.malformed("missing SignedHeaders.")
	case c.signature == "":
		return c.malformed("missing Signature.")
	}
	return nil
}

// parseCredential splits access-key/date/region/service/aws4_request, from the
// right, and checks what the server prescribes.
func (c *claim) parseCredential(region, service string) *Error {
	rest, end, _ := cutLast(c.credential)
	rest, gotService, _ := cutLast(rest)
	rest, gotRegion, _ := cutLast(rest)
	accessKey, date, ok := cutLast(rest)
	// An access key may hold slashes itself, but not where the end is wrong as well.
	five := strings.Count(c.credential, "/") == 4
	switch {
	case !ok || !five && end != terminator || !isAccessKey(accessKey) || !isRegion(gotRegion):
		return c.malformedCredential(`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`)
	case gotService != service:
		return c.malformedCredential("incorrect service " + quoted(gotService) + `. This endpoint belongs to "` + service + `".`)
	case end != terminator:
		return c.malformedCredential("incorrect terminal " + quoted(end) + `. This endpoint uses "aws4_request".`)
	case !isDigits(date, len("20060102")):
		return c.malformedCredential("incorrect date format " + quoted(date) + `. This date in the credential must be in the format "yyyyMMdd".`)
	case region != "" && gotRegion != region:
		return c.malformedCredential("the region "+quoted(gotRegion)+` is wrong; expecting "`+region+`"`).with("Region", region)
	}
	c.accessKey, c.date, c.region = accessKey, date, gotRegion
	c.scope = c.credential[len(accessKey)+1:]
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
		return denied(CodeAccessDenied, messageDate)
	}
	if len(values) > 1 {
		return denied(CodeAccessDenied, messageDate).with(hint, "The "+name+" header is there more than once.")
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
	return denied(CodeAccessDenied, messageDate).with(hint, "The "+name+" header cannot be read.")
}

// checkTime holds the claim against the clock.
func (c *claim) checkTime(now time.Time, maxSkew time.Duration) *Error {
	if today := c.timestamp[:len(c.date)]; today != c.date {
		return c.malformed("Invalid credential date " + quoted(c.date) + ". This date is not the same as X-Amz-Date: " + quoted(today) + ".")
	}
	if !c.presigned {
		if skew := now.Sub(c.time); skew > maxSkew || skew < -maxSkew {
			return denied(CodeRequestTimeTooSkewed, "The difference between the request time and the current time is too large.").
				with("RequestTime", c.timestamp).with("ServerTime", rfc3339(now)).
				with("MaxAllowedSkewMilliseconds", strconv.FormatInt(maxSkew.Milliseconds(), 10))
		}
		return nil
	}
	if now.Before(c.time.Add(-maxSkew)) {
		return denied(CodeAccessDenied, "Request is not valid yet.").with("RequestTime", c.timestamp).with("ServerTime", rfc3339(now))
	}
	if end := c.time.Add(c.expires); now.After(end) {
		return denied(CodeAccessDenied, "Request has expired.").
			with("X-Amz-Expires", strconv.Itoa(int(c.expires/time.Second))).
			with("Expires", rfc3339(end)).with("ServerTime", rfc3339(now))
	}
	return nil
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
