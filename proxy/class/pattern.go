package class

import (
	"errors"
	"strings"
)

// A Pattern is a compiled glob; see [Rule.Match] for its form. It is immutable and safe
// for concurrent use.
type Pattern struct {
	text   string // without "s3://"
	glob   glob
	bucket bool // match against bucket/key
}

var errEmptyMatch = errors.New("empty match")

// ParsePattern compiles a glob.
func ParsePattern(match string) (Pattern, error) {
	text, bucket := strings.CutPrefix(match, "s3://")
	if text == "" {
		return Pattern{}, errEmptyMatch
	}
	g, err := compileGlob(text)
	return Pattern{text: text, glob: g, bucket: bucket}, err
}

// Match reports whether bucket/key matches.
func (p *Pattern) Match(bucket, key string) bool {
	if p.bucket {
		return p.glob.match(bucket + "/" + key)
	}
	return p.glob.match(key)
}

// Literal reports whether the pattern matches one key only, in each bucket it is about.
func (p *Pattern) Literal() bool { return !strings.ContainsAny(p.text, "*?") }
