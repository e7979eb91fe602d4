// Package novels is the text that the demo ingests: five novels by Jane Austen, which are in the public domain, cut into
// passages.
//
// A [Passage] is a paragraph, or short ones together, or a part of a long one. Its ID is the novel's name, the chapter and
// the number of the passage in it, as in "pride-and-prejudice/1.1", and is the same in every run. NOTICE, beside this file,
// says where the text comes from.
//
// [Read] decompresses and cuts anew at each call; what it returns is the caller's.
package novels

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

//go:embed novels.txt.zst
var compressed []byte

// Credit says in one line what the text is, and that it is free.
const Credit = "five novels by Jane Austen, 1811 to 1817, in the public domain"

const (
	// shortBytes is the length up to which paragraphs are put together: of dialogue a line alone says little.
	shortBytes = 240
	// longBytes is the length from which a paragraph is cut at the end of a sentence.
	longBytes = 640
	// maxBytes bounds what is decompressed.
	maxBytes = 16 << 20
)

// A Passage is a row to be.
type Passage struct {
	ID, Novel string
	// Chapter and Number count from 1, chapters through the novel and numbers through the chapter.
	Chapter, Number int
	Text            string
}

// Read returns all passages in the order of the novels.
func Read() ([]Passage, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBytes))
	if err != nil {
		return nil, fmt.Errorf("novels: %w", err)
	}
	defer d.Close()
	text, err := d.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("novels: %w", err)
	}
	return parse(string(text))
}

// parse reads the form that NOTICE describes.
func parse(text string) ([]Passage, error) {
	var c cutter
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "= "):
			fields := strings.Split(line[2:], "\t")
			if len(fields) != 3 {
				return nil, fmt.Errorf("novels: line %d names no novel", number)
			}
			c.begin(fields[0], fields[1], 0)
		case strings.HasPrefix(line, "# "):
			chapter, err := strconv.Atoi(line[2:])
			if err != nil || c.name == "" {
				return nil, fmt.Errorf("novels: line %d names no chapter", number)
			}
			c.begin(c.name, c.title, chapter)
		case c.chapter == 0:
			return nil, fmt.Errorf("novels: line %d is in no chapter", number)
		default:
			c.paragraph(line)
		}
	}
	c.end()
	return c.out, nil
}

// A cutter makes passages of paragraphs.
type cutter struct {
	name, title     string
	chapter, number int
	pending         string
	out             []Passage
}

// begin ends the chapter before.
func (c *cutter) begin(name, title string, chapter int) {
	c.end()
	c.name, c.title, c.chapter, c.number = name, title, chapter, 0
}

func (c *cutter) paragraph(text string) {
	if c.pending != "" && len(c.pending)+len(text) > longBytes {
		c.end()
	}
	if c.pending != "" {
		text = c.pending + " " + text
	}
	for len(text) > longBytes {
		at := sentenceEnd(text)
		if at < 0 {
			break
		}
		c.emit(text[:at])
		text = strings.TrimLeft(text[at:], " ")
	}
	c.pending = text
	if len(text) > shortBytes {
		c.end()
	}
}

// end emits what waits for more.
func (c *cutter) end() {
	if c.pending != "" {
		c.emit(c.pending)
	}
	c.pending = ""
}

func (c *cutter) emit(text string) {
	c.number++
	c.out = append(c.out, Passage{
		ID: fmt.Sprintf("%s/%d.%d", c.name, c.chapter, c.number), Novel: c.title, Chapter: c.chapter, Number: c.number, Text: text,
	})
}

// sentenceEnd is where a long text is cut: behind the last sentence that ends within bounds, else behind the first one that
// ends later; more than a few words stay behind it. It is -1 where there is none.
func sentenceEnd(text string) int {
	best := -1
	for i := shortBytes; i < len(text)-shortBytes/2 && (i < longBytes || best < 0); i++ {
		if text[i] == ' ' && strings.IndexByte(".!?\"", text[i-1]) >= 0 && (text[i-1] != '.' || !abbreviated(text[:i])) {
			best = i
		}
	}
	return best
}

// abbreviated says whether a text ends with a title and not with a sentence.
func abbreviated(text string) bool {
	for _, a := range []string{" Mr.", " Mrs.", " Dr.", " Capt.", " Col.", " St.", "(Mr.", "\"Mr.", "\"Mrs."} {
		if strings.HasSuffix(text, a) {
			return true
		}
	}
	return false
}
