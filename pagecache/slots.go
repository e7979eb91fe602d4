package pagecache

// leafPages is how many pages one leaf covers, 4 MiB of an object by default. Leaves
// exist only where pages do: a single page somewhere in a large object costs half a KiB.
const leafPages = 64

// denseLeaves is the most leaves that a plain slice points to: 16 GiB of an object by
// default, 32 KiB of pointers. Sizes come from outside, and whoever says "eight exabytes"
// shall not make us allocate for it, so the leaves of larger objects are in a map.
const denseLeaves = 4096

// slots are the pages of one object by number. Not safe for concurrent use.
type slots struct {
	count  int64 // pages of the object
	dense  []*leaf
	sparse map[int64]*leaf
}

// A leaf covers leafPages pages, or fewer at the end of the object: most objects are
// small, and their leaf is no larger than they are.
type leaf struct {
	taken int
	pages []*page
}

func (s *slots) leaf(i int64) *leaf {
	if s.dense != nil {
		return s.dense[i]
	}
	return s.sparse[i]
}

// get returns page no, which is one of the object's; nil if the slot is empty.
func (s *slots) get(no int64) *page {
	l := s.leaf(no / leafPages)
	if l == nil {
		return nil
	}
	return l.pages[no%leafPages]
}

// set fills the slot of page no, or empties it if p is nil.
func (s *slots) set(no int64, p *page) {
	i := no / leafPages
	l := s.leaf(i)
	if l == nil {
		if p == nil {
			return
		}
		l = &leaf{pages: make([]*page, min(leafPages, s.count-i*leafPages))}
		s.setLeaf(i, l)
	}
	at := &l.pages[no%leafPages]
	if *at != nil {
		l.taken--
	}
	if p != nil {
		l.taken++
	}
	*at = p
	if l.taken == 0 {
		s.setLeaf(i, nil)
	}
}

func (s *slots) setLeaf(i int64, l *leaf) {
	leaves := (s.count-1)/leafPages + 1
	switch {
	case leaves <= denseLeaves:
		if s.dense == nil {
			s.dense = make([]*leaf, leaves)
		}
		s.dense[i] = l
	case l == nil:
		delete(s.sparse, i)
	default:
		if s.sparse == nil {
			s.sparse = make(map[int64]*leaf)
		}
		s.sparse[i] = l
	}
}

// each calls f for every page from first to last, in no order. f may empty the slot of
// the page it is given.
func (s *slots) each(first, last int64, f func(*page)) {
	s.stretches(first, last, func(pages []*page) {
		for _, p := range pages {
			if p != nil {
				f(p)
			}
		}
	})
}

// stretches calls f with the slots of pages first to last, leaf by leaf, in no order and
// leaving out empty leaves. Those it gets may be nil. f may empty slots.
func (s *slots) stretches(first, last int64, f func(pages []*page)) {
	if s.dense != nil {
		for i := first / leafPages; i <= last/leafPages; i++ {
			if l := s.dense[i]; l != nil {
				f(l.between(i, first, last))
			}
		}
		return
	}
	for i, l := range s.sparse {
		f(l.between(i, first, last))
	}
}

// between returns the slots of leaf i that lie between pages first and last.
func (l *leaf) between(i, first, last int64) []*page {
	from, to := max(first-i*leafPages, 0), min(last-i*leafPages+1, int64(len(l.pages)))
	if from >= to {
		return nil
	}
	return l.pages[from:to]
}
