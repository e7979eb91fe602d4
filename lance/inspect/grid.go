package inspect

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// out is where a report is written. The first error stays.
type out struct {
	w *bufio.Writer
}

func (o out) linef(format string, args ...any) { fmt.Fprintf(o.w, format+"\n", args...) }

// grid is lines of cells in aligned columns.
type grid struct {
	indent string
	right  string // an 'r' for each column that is aligned at its right end; others are not
	rows   [][]string
}

// add adds a line. Cells come from tables that others wrote: what would steer a terminal is shown as U+FFFD.
func (g *grid) add(cells ...string) {
	for i, cell := range cells {
		cells[i] = clean(cell)
	}
	g.rows = append(g.rows, cells)
}

// clean replaces control characters, and what is not UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// write writes the lines. A column in which all cells are empty, but for the first line's, is left out when the first line
// is a header.
func (g *grid) write(o out, header bool) {
	var width []int
	var filled []bool
	for y, row := range g.rows {
		for i, cell := range row {
			if i == len(width) {
				width, filled = append(width, 0), append(filled, !header)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
			if y > 0 && cell != "" {
				filled[i] = true
			}
		}
	}
	for _, row := range g.rows {
		var line strings.Builder
		pending := g.indent
		for i, cell := range row {
			if !filled[i] {
				continue
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < len(g.right) && g.right[i] == 'r' {
				pending += pad
				pad = ""
			}
			if cell != "" {
				line.WriteString(pending)
				line.WriteString(cell)
				pending = ""
			}
			pending += pad + "  "
		}
		o.linef("%s", line.String())
	}
}

// facts are names and what there is to say of them, one a line.
type facts struct{ grid }

func (f *facts) addf(name, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		f.add(name, text)
	}
}

// SizeText is a number of bytes as people read it: three digits that count and a unit of
// powers of 1024.
func SizeText(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, units := float64(n)/1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for len(units) > 1 && v >= 1023.5 {
		v, units = v/1024, units[1:]
	}
	digits := 0
	if v < 99.95 {
		digits = 1
	}
	if v < 9.995 {
		digits = 2
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[0]
}

// countText is a number with its thousands apart.
func countText(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is a number of things.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return countText(n) + " " + strings.TrimSuffix(one, "y") + "ies"
	}
	if strings.HasSuffix(one, "x") {
		return countText(n) + " " + one + "es"
	}
	return countText(n) + " " + one + "s"
}

// orBlank is the number, or nothing when there are none.
func orBlank(n int64) string {
	if n <= 0 {
		return ""
	}
	return countText(n)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	s = strings.ToValidUTF8(strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(s), "\uFFFD")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-3]) + "..."
}
