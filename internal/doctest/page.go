package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Block is a piece of code in a document.
type Block struct {
	// File and Line say where its fence is; File is as Parse was given it.
	File string
	Line int
	// Section is the heading above it, of the second level.
	Section string
	// Language is the first word of the fence, Mark the second; Words are the rest.
	Language, Mark string
	Words          []string
	// Code is what stands between the fences.
	Code string
	// Reason is the text of a comment "norun: ..." above the block.
	Reason string
	// Hidden blocks stand in a comment.
	Hidden bool
}

// Where returns "file:line".
func (b Block) Where() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

// A Page is a document with its blocks in order.
type Page struct {
	// File is its path, relative to the module's root.
	File   string
	Blocks []Block
}

// ReadPage parses the document at file below root.
func ReadPage(root, file string) (Page, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return Page{}, fmt.Errorf("doctest: %w", err)
	}
	return Parse(file, string(text)), nil
}

// Parse takes the blocks out of Markdown. A fence that is not closed ends with the text.
func Parse(file, text string) Page {
	page := Page{File: file}
	var (
		open    *Block
		end     string // what closes it
		section string
		reason  string
	)
	for i, line := range strings.SplitAfter(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == end:
			page.Blocks = append(page.Blocks, *open)
			open = nil
		case open != nil:
			open.Code += line
		case fence(trimmed) != "":
			end = fence(trimmed)
			open = &Block{File: file, Line: i + 1, Section: section, Reason: reason}
			open.describe(trimmed[len(end):])
			reason = ""
		case strings.HasPrefix(trimmed, "<!-- doctest ") && !strings.HasSuffix(trimmed, "-->"):
			end = "-->"
			open = &Block{File: file, Line: i + 1, Section: section, Hidden: true}
			open.describe(strings.TrimPrefix(trimmed, "<!-- doctest "))
		case strings.HasPrefix(trimmed, "<!-- norun: ") && strings.HasSuffix(trimmed, " -->"):
			reason = strings.TrimSuffix(strings.TrimPrefix(trimmed, "<!-- norun: "), " -->")
		case strings.HasPrefix(line, "## "):
			section = strings.TrimSpace(line[3:])
		case trimmed != "":
			reason = ""
		}
	}
	if open != nil {
		page.Blocks = append(page.Blocks, *open)
	}
	return page
}

// fence returns the run of backquotes that begins a line, if it opens a block of code.
func fence(line string) string {
	n := len(line) - len(strings.TrimLeft(line, "`"))
	if n < 3 || strings.Contains(line[n:], "`") {
		return ""
	}
	return line[:n]
}

func (b *Block) describe(info string) {
	words := strings.Fields(info)
	for i, word := range words {
		switch i {
		case 0:
			b.Language = word
		case 1:
			b.Mark = word
		default:
			b.Words = append(b.Words, word)
		}
	}
}
