package snapshot

import (
	"fmt"
	"time"
)

// An Explanation says how a key is answered that can be in a snapshot.
type Explanation struct {
	// Table is the table's path, without bucket.
	Table string `json:"table"`
	// MaxAge is the table's bound.
	MaxAge string `json:"max_age"`
	// Held says that an answer for the key (to GET or HEAD) would be served now.
	Held bool `json:"held"`
	// Age of the table's snapshot, if there is one that may be served.
	Age string `json:"age,omitempty"`
	// Answers is how many answers it holds.
	Answers int `json:"answers,omitempty"`
	// Why says it in a sentence.
	Why string `json:"why"`
}

// Explain describes how bucket/key is answered, or returns nil if it cannot be in a
// snapshot. It asks nobody and changes nothing.
func (s *Store) Explain(bucket, key string) *Explanation {
	root, bound, ok := s.tables.Load().find(bucket, key)
	if !ok {
		return nil
	}
	q := Object(bucket, key, true)
	part := q.placeIn(root)
	if part != inBase && part != inShards {
		return nil
	}
	e := &Explanation{Table: root, MaxAge: bound.String()}
	t := s.table(bucket, key, false)
	if t == nil {
		e.Why = "nobody has asked about the table lately"
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	current := t.validLocked(now)
	switch {
	case now.Before(t.quiet):
		e.Why = fmt.Sprintf("a write to the table was seen here: the origin is asked for %s more", t.quiet.Sub(now).Round(time.Second))
	case current == nil && t.failed > 0:
		e.Why = "the last snapshot could not be taken in time"
	case current == nil && t.dropping != "":
		e.Why = "the last snapshot was dropped: " + t.dropping
	case current == nil:
		e.Why = "none has been taken yet"
	default:
		old := age(current.start, now)
		e.Age, e.Answers = old.Round(time.Millisecond).String(), len(current.answers)
		e.Held = current.find(q) != nil || current.find(Object(bucket, key, false)) != nil
		e.Why = "the snapshot does not hold the key"
		if e.Held {
			e.Why = fmt.Sprintf("served from a snapshot that is %s old, without asking", e.Age)
		}
	}
	return e
}
