package filter

import (
	"strings"
	"unicode/utf8"
)

// pattern is a compiled LIKE pattern.
type pattern struct {
	prefix string // the literal text in front of the first wildcard
	rest   []part // what follows it
}

// part is one character of a pattern.
type part struct {
	wild rune // '%', '_' or 0
	char rune
}

func compile(text string) pattern {
	var p pattern
	var prefix strings.Builder
	escaped := false
	for i, r := range text {
		switch {
		case !escaped && r == '\\' && i+1 < len(text):
			escaped = true
			continue
		case !escaped && (r == '%' || r == '_'):
			if n := len(p.rest); r != '%' || n == 0 || p.rest[n-1].wild != '%' {
				p.rest = append(p.rest, part{wild: r})
			}
		case len(p.rest) == 0:
			prefix.WriteRune(r)
		default:
			p.rest = append(p.rest, part{char: r})
		}
		escaped = false
	}
	p.prefix = prefix.String()
	return p
}

// exact says that the pattern has no wildcard.
func (p pattern) exact() bool { return len(p.rest) == 0 }

// begins says that the prefix is all that the pattern asks for.
func (p pattern) begins() bool { return len(p.rest) == 1 && p.rest[0].wild == '%' }

// match says whether a text that begins with the prefix matches.
func (p pattern) match(text string) bool {
	s := text[len(p.prefix):]
	i, retry := 0, -1 // retry is behind the last %, which can take one character more
	var taken string
	for {
		switch {
		case i < len(p.rest) && p.rest[i].wild == '%':
			i++
			retry, taken = i, s
			continue
		case i == len(p.rest) && s == "":
			return true
		case i < len(p.rest) && s != "":
			r, n := utf8.DecodeRuneInString(s)
			if p.rest[i].wild == '_' || p.rest[i].char == r {
				i++
				s = s[n:]
				continue
			}
		}
		if retry < 0 || taken == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(taken)
		taken = taken[n:]
		i, s = retry, taken
	}
}
