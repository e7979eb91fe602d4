package analyzer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// isAlphanumeric tells whether r has the Unicode property Alphabetic or is a number of any kind.
func isAlphanumeric(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Other_Alphabetic, r) ||
		unicode.Is(newAlphanumeric, r)
}

// isASCIISpace tells white space as the WHATWG defines it for ASCII: vertical tab is not among it.
func isASCIISpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\f', '\r':
		return true
	}
	return false
}

// appendLower appends the lower-case form of s to dst, character by character and without regard to context.
func appendLower(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r == '\u0130' { // the one character whose lower-case form is two
			dst = append(dst, "i\u0307"...)
			continue
		}
		dst = utf8.AppendRune(dst, newLower(unicode.ToLower(r)))
	}
	return dst
}

// appendFolded appends s to dst with characters outside ASCII replaced by what ASCII has for them: by the table,
// else by what remains of their compatibility decomposition; a character with nothing of the kind stays itself.
func appendFolded(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r < utf8.RuneSelf {
			dst = append(dst, s[0])
			s = s[1:]
			continue
		}
		char := s[:n]
		s = s[n:]
		if to := foldings[r]; to != "" {
			dst = append(dst, to...)
			continue
		}
		if to := newFolding(r); to != 0 {
			dst = append(dst, to)
			continue
		}
		before := len(dst)
		if d := norm.NFKD.Properties(char).Decomposition(); d != nil {
			for len(d) > 0 {
				part, m := utf8.DecodeRune(d)
				d = d[m:]
				if part < utf8.RuneSelf {
					dst = append(dst, byte(part))
				} else if !unicode.IsMark(part) {
					dst = append(dst, foldings[part]...)
				}
			}
		}
		if len(dst) == before {
			dst = append(dst, char...)
		}
	}
	return dst
}

var foldings = map[rune]string{
	'ß': "ss", 'ẞ': "SS",
	'Æ': "AE", 'æ': "ae",
	'Œ': "OE", 'œ': "oe",
	'Ø': "O", 'ø': "o",
	'Ł': "L", 'ł': "l",
	'Đ': "D", 'đ': "d", 'Ð': "D", 'ð': "d",
	'Þ': "TH", 'þ': "th",
	'Ħ': "H", 'ħ': "h",
	'Ŧ': "T", 'ŧ': "t",
	'Ŋ': "N", 'ŋ': "n",
	'ı': "i", 'ĸ': "k", 'ſ': "s",
}
