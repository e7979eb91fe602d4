package filter

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuoted // a column in quotes
	tokenText
	tokenNumber
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string // a word as written; the value of text and quoted names; the symbol
	at   int
}

// describe names the token for messages.
func (t token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenText:
		return Literal{Kind: Text, Text: shorten(t.text)}.String()
	default:
		return strconv.Quote(shorten(t.text))
	}
}

func shorten(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

var reserved = map[string]bool{
	"AND": true, "OR": true, "NOT": true, "IN": true, "IS": true, "NULL": true, "LIKE": true, "BETWEEN": true, "TRUE": true, "FALSE": true,
}

func wordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }
func wordPart(r rune) bool  { return wordStart(r) || unicode.IsDigit(r) || r == '$' }

// plain says whether a name can stand without quotes.
func plain(name string) bool {
	for i, r := range name {
		if i == 0 && !wordStart(r) || !wordPart(r) || r == utf8.RuneError {
			return false
		}
	}
	return name != "" && !reserved[strings.ToUpper(name)]
}

// lex cuts the text into tokens, the last of which is the end.
func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			return nil, syntax(i, "the text is not UTF-8")
		case unicode.IsSpace(r):
			i += n
			continue
		case wordStart(r):
			end := i
			for end < len(s) {
				r, n := utf8.DecodeRuneInString(s[end:])
				if !wordPart(r) {
					break
				}
				end += n
			}
			out = append(out, token{tokenWord, s[i:end], i})
			i = end
		case r == '\'' || r == '"' || r == '`':
			text, end, ok := quoted(s, i)
			if !ok {
				return nil, syntax(i, "%c is not closed", r)
			}
			kind := tokenQuoted
			if r == '\'' {
				kind = tokenText
			}
			out = append(out, token{kind, text, i})
			i = end
		case r >= '0' && r <= '9' || r == '.':
			end := numberEnd(s, i)
			out = append(out, token{tokenNumber, s[i:end], i})
			i = end
		default:
			sym := s[i : i+n]
			if i+1 < len(s) {
				switch s[i : i+2] {
				case "<=", ">=", "!=", "<>", "==":
					sym = s[i : i+2]
				}
			}
			if !strings.Contains("( ) , = < > <= >= != <> == + -", sym) {
				return nil, syntax(i, "%q has no meaning here", sym)
			}
			out = append(out, token{tokenSymbol, sym, i})
			i += len(sym)
		}
	}
	return append(out, token{tokenEnd, "", len(s)}), nil
}

// quoted reads what stands between the quote at i and the next one of its kind; a doubled quote stands for itself.
func quoted(s string, i int) (text string, end int, ok bool) {
	q := s[i]
	var b strings.Builder
	for j := i + 1; j < len(s); j++ {
		if s[j] != q {
			b.WriteByte(s[j])
			continue
		}
		if j+1 < len(s) && s[j+1] == q {
			b.WriteByte(q)
			j++
			continue
		}
		return b.String(), j + 1, true
	}
	return "", 0, false
}

// numberEnd is where the characters end that a number could consist of.
func numberEnd(s string, i int) int {
	end := i
	for end < len(s) {
		c := s[end]
		exponent := (c == '+' || c == '-') && (s[end-1] == 'e' || s[end-1] == 'E')
		if !(c >= '0' && c <= '9' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || end > i && exponent) {
			break
		}
		end++
	}
	return end
}

// number reads a number, whose sign stands apart.
func number(t token, negative bool) (Literal, error) {
	l := Literal{At: t.at}
	for _, c := range t.text {
		if c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' && (c < '0' || c > '9') {
			return l, syntax(t.at, "%q is no number", shorten(t.text))
		}
	}
	sign := ""
	if negative {
		sign = "-"
	}
	if v, err := strconv.ParseInt(sign+t.text, 10, 64); err == nil {
		l.Kind, l.Int = Int, v
		return l, nil
	}
	if v, err := strconv.ParseUint(t.text, 10, 64); err == nil && !negative {
		l.Kind, l.Uint = Uint, v
		return l, nil
	}
	v, err := strconv.ParseFloat(sign+t.text, 64)
	if err != nil {
		return l, syntax(t.at, "%q is no number, or too large", shorten(t.text))
	}
	l.Kind, l.Float = Float, v
	return l, nil
}
