package class

import (
	"errors"
	"strings"
)

// A glob is a pattern split at its slashes. It matches component by component,
// so "*" cannot run over a "/" and "**" is a component of its own.
type glob []string

func compileGlob(pattern string) (glob, error) {
	parts := strings.Split(pattern, "/")
	for _, p := range parts {
		if p != "**" && strings.Contains(p, "**") {
			return nil, errors.New(`"**" must be a whole path component`)
		}
	}
	return parts, nil
}

func (g glob) match(path string) bool { return matchParts(g, path, true) }

// matchParts matches pattern components against the rest of a path. more says whether
// there is a rest: an empty rest is a component of its own ("a/" has two). Like
// matchComponent it goes back to the last "**" only, so its time is at most the product
// of both lengths, whatever key a client thinks of.
func matchParts(pattern []string, rest string, more bool) bool {
	var afterStar []string // what follows the last "**", and where it was tried
	var starRest string
	var starMore bool
	for {
		switch {
		case len(pattern) == 0:
			if !more {
				return true
			}
		case pattern[0] == "**":
			if len(pattern) == 1 {
				return true
			}
			pattern = pattern[1:]
			afterStar, starRest, starMore = pattern, rest, more
			continue
		case more:
			part, after, further := strings.Cut(rest, "/")
			if matchComponent(pattern[0], part) {
				pattern, rest, more = pattern[1:], after, further
				continue
			}
		}
		if afterStar == nil || !starMore {
			return false
		}
		_, starRest, starMore = strings.Cut(starRest, "/") // the star takes one more
		pattern, rest, more = afterStar, starRest, starMore
	}
}

// matchComponent matches one component with "*" and "?" in linear time per star,
// by remembering only the last star.
func matchComponent(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
