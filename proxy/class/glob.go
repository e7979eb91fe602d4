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
	stars := 0
	for _, p := range parts {
		if p == "**" {
			stars++
			continue
		}
		if strings.Contains(p, "**") {
			return nil, errors.New(`"**" must be a whole path component`)
		}
	}
	// Each "**" may multiply the work of a mismatch by the number of components.
	if stars > 4 {
		return nil, errors.New(`more than four "**"`)
	}
	return parts, nil
}

func (g glob) match(path string) bool { return matchParts(g, path, true) }

// matchParts matches pattern components against the rest of a path. more says
// whether there is a rest: an empty rest is a component of its own ("a/" has two).
func matchParts(pattern []string, rest string, more bool) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return true
			}
			for {
				if matchParts(pattern[1:], rest, more) {
					return true
				}
				if !more {
					return false
				}
				_, rest, more = strings.Cut(rest, "/")
			}
		}
		if !more {
			return false
		}
		var part string
		part, rest, more = strings.Cut(rest, "/")
		if !matchComponent(pattern[0], part) {
			return false
		}
		pattern = pattern[1:]
	}
	return !more
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
