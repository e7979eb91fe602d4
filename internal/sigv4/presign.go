package sigv4

import (
	"strconv"
	"strings"
	"time"
)

// The query parameters that carry authentication.
const (
	paramAlgorithm     = "X-Amz-Algorithm"
	paramCredential    = "X-Amz-Credential"
	paramDate          = "X-Amz-Date"
	paramExpires       = "X-Amz-Expires"
	paramSignedHeaders = "X-Amz-SignedHeaders"
	paramSignature     = "X-Amz-Signature"
	paramSecurityToken = "X-Amz-Security-Token"
	paramContentSHA256 = "X-Amz-Content-Sha256"
	paramRegionSet     = "X-Amz-Region-Set"
	paramV2AccessKey   = "AWSAccessKeyId"

	// maxExpires is seven days, the longest life that S3 gives a presigned URL.
	maxExpires = 7 * 24 * time.Hour
)

// An authValue is a parameter's decoded value.
type authValue struct {
	string
	seen bool
}

// A queryAuth is what a query holds of authentication.
type queryAuth struct {
	algorithm, credential, date, expires authValue
	signedHeaders, signature             authValue
	contentSHA256                        authValue

	any       bool   // something that only a signed query has
	token     bool   // a session token
	v2        bool   // a Signature Version 2 access key
	duplicate string // a parameter that came twice
	misspelt  string // a parameter in the wrong case
	badEscape bool   // a value that cannot be decoded
}

// authParam finds the parameter that name stands for, in any case.
func authParam(name string) (canonical string, ok bool) {
	// All but one begin with X-Amz-, which the parameters of most requests do not.
	if len(name) < len("X-Amz-Date") || name[0]|0x20 != 'x' && name[0]|0x20 != 'a' {
		return "", false
	}
	for _, p := range [...]string{
		paramAlgorithm, paramCredential, paramDate, paramExpires, paramSignedHeaders,
		paramSignature, paramSecurityToken, paramContentSHA256, paramRegionSet, paramV2AccessKey,
	} {
		if strings.EqualFold(p, name) {
			return p, true
		}
	}
	return "", false
}

// scanQuery collects the authentication parameters of a raw query.
func scanQuery(rawQuery string) (a queryAuth) {
	for rest := rawQuery; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "&")
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, ok := decodeQueryPart(rawName)
		if !ok {
			continue // refused when the canonical query is built
		}
		param, ok := authParam(name)
		if !ok {
			continue
		}
		if name != param {
			a.misspelt = param
		}
		var field *authValue
		switch param {
		case paramAlgorithm:
			field = &a.algorithm
		case paramCredential:
			field = &a.credential
		case paramDate:
			field = &a.date
		case paramExpires:
			field = &a.expires
		case paramSignedHeaders:
			field = &a.signedHeaders
		case paramSignature:
			field = &a.signature
		case paramContentSHA256:
			field = &a.contentSHA256
		case paramSecurityToken:
			a.token = true
			continue
		case paramV2AccessKey:
			a.v2 = true
			continue
		default: // X-Amz-Region-Set: the algorithm tells what it is part of
			a.any = true
			continue
		}
		a.any = true
		value, ok := decodeQueryPart(rawValue)
		if !ok {
			a.badEscape = true
		}
		if field.seen {
			a.duplicate = param
		}
		*field = authValue{value, true}
	}
	return a
}

func decodeQueryPart(raw string) (string, bool) {
	if strings.IndexByte(raw, '%') < 0 && strings.IndexByte(raw, '+') < 0 {
		return raw, true
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c, n, ok := decodeByte(raw, i)
		if !ok {
			return "", false
		}
		if c == '+' && n == 1 {
			c = ' '
		}
		out = append(out, c)
		i += n
	}
	return string(out), true
}

// parsePresigned reads the claim of a request signed in its query.
func (c *claim) parsePresigned(a *queryAuth) *Error {
	c.presigned = true
	algorithm, expires := a.algorithm.string, a.expires.string
	switch {
	case a.misspelt != "":
		return c.malformed("The query parameter " + a.misspelt + " is spelt in the wrong case.")
	case a.duplicate != "":
		return c.malformed("The query parameter " + a.duplicate + " is there more than once.")
	case a.badEscape:
		return badEscape()
	case algorithm == algorithmV4A:
		return c.malformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"`)
	case algorithm != "" && algorithm != algorithmV4:
		return c.malformed(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`).
			with(hint, "Here it is AWS4-HMAC-SHA256 alone.")
	}
	for _, p := range [...]struct {
		name  string
		value authValue
	}{
		{paramAlgorithm, a.algorithm},
		{paramCredential, a.credential},
		{paramDate, a.date},
		{paramExpires, a.expires},
		{paramSignedHeaders, a.signedHeaders},
		{paramSignature, a.signature},
	} {
		if p.value.string == "" {
			return c.malformed(messageQueryIncomplete).with(hint, p.name+" is missing.")
		}
	}
	var ok bool
	if c.time, ok = parseTimestamp(a.date.string); !ok {
		return c.malformed(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	c.timestamp = a.date.string
	digits, negative := strings.CutPrefix(expires, "-")
	if !isDigits(digits, len(digits)) || digits == "" {
		return c.malformed("X-Amz-Expires should be a number")
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case negative:
		return c.malformed("X-Amz-Expires must be non-negative")
	case err == nil && seconds == 0:
		return c.malformed("X-Amz-Expires must be greater than zero")
	case err != nil || seconds > int64(maxExpires/time.Second):
		return c.malformed("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	c.expires = time.Duration(seconds) * time.Second
	c.credential = a.credential.string
	c.signedHeaders = a.signedHeaders.string
	c.signature = a.signature.string
	return nil
}

// StripQuery returns a raw query without the parameters that authenticate it, for
// a request that is signed anew; the rest stays byte for byte.
func StripQuery(rawQuery string) string {
	if a := scanQuery(rawQuery); !a.any && !a.token && !a.v2 {
		return rawQuery
	}
	kept := make([]byte, 0, len(rawQuery))
	for rest := rawQuery; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "&")
		rawName, _, _ := strings.Cut(part, "=")
		if name, ok := decodeQueryPart(rawName); ok {
			if _, auth := authParam(name); auth {
				continue
			}
		}
		if len(kept) > 0 {
			kept = append(kept, '&')
		}
		kept = append(kept, part...)
	}
	return string(kept)
}
