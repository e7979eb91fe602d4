package object

import (
	"net/http"
	"strings"
	"time"

	"github.com/hearthcache/hearth/proxy/facts"
)

// Conditions are the preconditions of a GET or HEAD, as the header values the
// client sent; empty means not given.
type Conditions struct {
	IfMatch, IfNoneMatch               string
	IfModifiedSince, IfUnmodifiedSince string
}

// Any reports whether a precondition was given.
func (c Conditions) Any() bool { return c != Conditions{} }

// Evaluate returns 0 if the request proceeds, or the status that answers it: first
// 412, then 304 (RFC 9110 section 13.2.2, which S3 follows). Dates that do not parse
// are ignored, as there.
func (c Conditions) Evaluate(f *facts.Facts) int {
	if c.IfMatch != "" {
		if !matchesAny(c.IfMatch, f.ETag, false) {
			return http.StatusPreconditionFailed
		}
	} else if since, ok := parseDate(c.IfUnmodifiedSince); ok {
		if modified, known := f.Modified(); known && modified.After(since) {
			return http.StatusPreconditionFailed
		}
	}
	if c.IfNoneMatch != "" {
		if matchesAny(c.IfNoneMatch, f.ETag, true) {
			return http.StatusNotModified
		}
	} else if since, ok := parseDate(c.IfModifiedSince); ok {
		if modified, known := f.Modified(); known && !modified.After(since) {
			return http.StatusNotModified
		}
	}
	return 0
}

func parseDate(value string) (time.Time, bool) {
	if value == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(value)
	return t, err == nil
}

// matchesAny compares a list of entity tags, or "*", with etag. S3 clients also
// send tags without quotes, which S3 accepts.
func matchesAny(list, etag string, weak bool) bool {
	bare := strings.Trim(etag, `"`)
	for candidate := range strings.SplitSeq(list, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" {
			return true
		}
		if opaque, isWeak := strings.CutPrefix(candidate, "W/"); isWeak {
			if !weak {
				continue
			}
			candidate = opaque
		}
		if strings.Trim(candidate, `"`) == bare {
			return true
		}
	}
	return false
}
