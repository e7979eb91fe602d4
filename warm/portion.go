package warm

import (
	"cmp"
	"slices"

	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

// A span is bytes [off, off+n) of an object.
type span struct{ off, n int64 }

func (s span) end() int64 { return s.off + s.n }

// A portion is what a plan takes of one object: spans in order, of which no two touch the
// same page.
type portion struct {
	entry publication.Entry
	spans []span
}

func whole(e publication.Entry) portion { return portion{e, []span{{0, e.Size}}} }

// bytes is the sum of the spans.
func (p portion) bytes() int64 {
	var n int64
	for _, s := range p.spans {
		n += s.n
	}
	return n
}

// joined sorts spans and joins those that touch the same page, with what lies between.
func joined(spans []span, pageBytes int64) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.off, b.off) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.off/pageBytes <= max(out[n-1].end()-1, out[n-1].off)/pageBytes {
			last := &out[n-1]
			last.n = max(last.end(), s.end()) - last.off
			continue
		}
		out = append(out, s)
	}
	return out
}

// resident looks up what of a portion is in the cache.
func (w *Warmer) resident(bucket string, p portion) object.Loaded {
	if len(p.spans) == 1 {
		return w.objects.ResidentRange(bucket, p.entry, p.spans[0].off, p.spans[0].n)
	}
	var sum object.Loaded
	for _, s := range p.spans {
		l := w.objects.ResidentRange(bucket, p.entry, s.off, s.n)
		sum.Pages += l.Pages
		sum.ResidentPages += l.ResidentPages
		sum.ResidentBytes += l.ResidentBytes
	}
	return sum
}

// A unit is what one load fetches: a part of an object that fits one origin request.
type unit struct {
	entry publication.Entry
	span
	slot int64 // number of the run; loads of one run go one after another
}

// units cuts a portion where runs end.
func (p portion) units(runBytes int64) []unit {
	var units []unit
	for _, s := range p.spans {
		if s.n == 0 { // an empty object
			units = append(units, unit{p.entry, s, 0})
		}
		for off := s.off; off < s.end(); {
			slot := off / runBytes
			end := min(s.end(), (slot+1)*runBytes)
			units = append(units, unit{p.entry, span{off, end - off}, slot})
			off = end
		}
	}
	return units
}
