package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// A Measure is one answer: how long it took, and what it asked of the origin.
type Measure struct {
	Elapsed time.Duration
	Origin  Counts
}

// An Asking is one question asked by one client, with an empty cache and with a warm one.
type Asking struct {
	By         string
	Cold, Warm Measure
}

// A Section is a question, who asked it, and the best answer.
type Section struct {
	// Kind is the kind of the question, Question what was asked.
	Kind, Question string
	Askings        []Asking
	// ID and Text are the best answer. Focus, if set, is what is to be seen of it.
	ID, Text, Focus string
}

// Width is how many columns a story takes.
const Width = 100

// Story writes the sections as a table.
func Story(w io.Writer, sections []Section) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s%20s    %29s\n", "requests that reach the store,", "empty cache", "warm")
	fmt.Fprintf(&b, "%-34s%10s%10s    %10s%9s%10s%9s\n", "and the time to the answer", "requests", "time", "immutable", "mutable", "time", "faster")
	for _, s := range sections {
		fmt.Fprintf(&b, "%s\n", clip(s.Kind+": "+s.Question, Width))
		for _, a := range s.Askings {
			fmt.Fprintf(&b, "    %-30s%10d%10s    %10d%9d%10s%9s\n", clip(a.By, 30), a.Cold.Origin.Immutable+a.Cold.Origin.Mutable, span(a.Cold.Elapsed),
				a.Warm.Origin.Immutable, a.Warm.Origin.Mutable, span(a.Warm.Elapsed), factor(a.Cold.Elapsed, a.Warm.Elapsed))
		}
		if s.ID != "" {
			fmt.Fprintf(&b, "    %s\n", clip(s.ID+": "+from(s.Text, s.Focus), Width-4))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// span is a duration in few characters.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// factor is how often b goes into a.
func factor(a, b time.Duration) string {
	f := float64(a) / float64(max(b, 1))
	if f >= 100 {
		return fmt.Sprintf("%.0fx", f)
	}
	return fmt.Sprintf("%.1fx", f)
}

// lead is about how much is shown in front of the focus of a text.
const lead = 24

// from leaves the beginning of a text out if its focus would not be seen.
func from(text, focus string) string {
	at := strings.Index(text, focus) - lead
	if focus == "" || at <= 0 {
		return text
	}
	at += strings.IndexByte(text[at:], ' ') + 1 // there is one, or it begins here
	return "... " + text[at:]
}

// clip cuts a text to so many characters, on one line.
func clip(text string, width int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return strings.TrimRight(string(runes[:width-3]), " ") + "..."
}
