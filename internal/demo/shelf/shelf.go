// Package shelf is the table of the demo: what is in it, how it is made, and which answers are right.
//
//	novels ── passages ── rows ── Create: two novels as the base, with indexes
//	                        └──── Fill: three more through a Writer, then a revision of them all
//
// A [Shelf] knows every row as it has to be in the end, so that whoever asks the table can be held to it: [Shelf.Phrase],
// [Shelf.Nearest], [Shelf.Key] and [Shelf.Differences] read no table.
//
// The package knows the Lance format and no server; the [Writer] that it fills a table through is the caller's.
package shelf

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/internal/demo/novels"
	"github.com/hearthcache/hearth/internal/demo/wordspace"
)

// What the demo asks for.
const (
	// Phrase is in one passage, of the newest novel.
	Phrase = "half agony, half hope"
	// Meaning is what a passage is wanted about; hardly a word of it is in the best one.
	Meaning = "an officer of the navy returns from sea with prize money"
	// Key is a passage of the base, below all that was flushed since.
	Key = "pride-and-prejudice/1.1"
)

// baseNovels are how many of the novels are in the table from the beginning.
const baseNovels = 2

// A Row is a row of the table.
type Row struct {
	novels.Passage
	// Revision is 1, and 2 after the spelling was revised.
	Revision int32
	Vector   []float32
}

// A Shelf is what the table holds. It is immutable once made.
type Shelf struct {
	space *wordspace.Space
	// base and added are the rows as they come in, added by novel.
	base  []Row
	added [][]Row
	// revised replace rows, and removed go, in the end.
	revised []Row
	removed []string
	final   map[string]Row
}

// New reads the novels and decides what becomes of each passage. every leaves out all passages but each every-th one, and
// those that the demo's questions are about; 1 takes all.
func New(every int) (*Shelf, error) {
	passages, err := novels.Read()
	if err != nil {
		return nil, err
	}
	if every < 1 {
		return nil, fmt.Errorf("shelf: every is %d, want at least 1", every)
	}
	s := &Shelf{final: map[string]Row{}}
	i := -1
	passages = slices.DeleteFunc(passages, func(p novels.Passage) bool {
		i++
		return i%every != 0 && p.ID != Key && !strings.Contains(p.Text, Phrase)
	})
	var texts []string
	for _, p := range passages {
		texts = append(texts, p.Text)
	}
	s.space = wordspace.New(texts)
	novel, count := "", 0
	for _, p := range passages {
		if p.Novel != novel {
			novel = p.Novel
			count++
			if count > baseNovels {
				s.added = append(s.added, nil)
			}
		}
		s.place(p, count <= baseNovels)
	}
	return s, nil
}

// place adds a passage, and its revision.
func (s *Shelf) place(p novels.Passage, base bool) {
	row := Row{Passage: p, Revision: 1, Vector: s.Vector(p.Text)}
	if base {
		s.base = append(s.base, row)
	} else {
		last := &s.added[len(s.added)-1]
		*last = append(*last, row)
	}
	if len(p.Text) < dullBytes {
		s.removed = append(s.removed, p.ID)
		return
	}
	if text := modernize(p.Text); text != p.Text {
		row.Text, row.Revision, row.Vector = text, 2, s.Vector(text)
		s.revised = append(s.revised, row)
	}
	s.final[p.ID] = row
}

// dullBytes is the length below which the revision drops a passage: of such a line nothing can be learned.
const dullBytes = 40

// modernize revises the spelling of a text.
var modernize = strings.NewReplacer(
	"chuse", "choose", "Chuse", "Choose", "chusing", "choosing", "shew", "show", "Shew", "Show", "surpriz", "surpris", "Surpriz", "Surpris",
	"dropt", "dropped", "stopt", "stopped", "staid", "stayed",
).Replace

// Vector is the place of a text among the passages; all zeros if nothing is known of it.
func (s *Shelf) Vector(text string) []float32 {
	if v := s.space.Vector(text); v != nil {
		return v
	}
	return make([]float32, wordspace.Dim)
}

// Rows is how many rows there are in the end, Base how many of the novels that the table begins with.
func (s *Shelf) Rows() int { return len(s.final) }

// Base is the number of rows that the table begins with.
func (s *Shelf) Base() int { return len(s.base) }

// Text is the text of a row in the end; "" if there is none.
func (s *Shelf) Text(id string) string { return s.final[id].Text }

// Phrase returns the rows that hold a phrase, as it is written, in the order of their ids.
func (s *Shelf) Phrase(phrase string) []string {
	var ids []string
	for id, row := range s.final {
		if strings.Contains(row.Text, phrase) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Nearest returns the k rows nearest to a vector, nearest first.
func (s *Shelf) Nearest(v []float32, k int) []string {
	distance := map[string]float32{}
	for id, row := range s.final {
		var sum float32
		for d := range v {
			sum += (row.Vector[d] - v[d]) * (row.Vector[d] - v[d])
		}
		distance[id] = sum
	}
	ids := slices.SortedFunc(maps.Keys(distance), func(a, b string) int {
		switch {
		case distance[a] < distance[b]:
			return -1
		case distance[a] > distance[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	return ids[:min(k, len(ids))]
}

// Differences says how rows that a table returned, texts by id, differ from what has to be there: the first few.
func (s *Shelf) Differences(got map[string]string) []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(s.final)) {
		switch text, ok := got[id]; {
		case !ok:
			out = append(out, id+" is missing")
		case text != s.final[id].Text:
			out = append(out, id+" has another text")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := s.final[id]; !ok {
			out = append(out, id+" should not be there")
		}
	}
	return out[:min(len(out), 5)]
}
