package decoded

// queue is a list of entries that nobody uses, the most recently used first. The zero value is empty. Links are in the
// entries, so that a hit allocates nothing for them.
type queue struct {
	first, last *entry
	bytes       int64
}

func (q *queue) push(e *entry) {
	e.in, e.prev, e.next = q, nil, q.first
	if q.first != nil {
		q.first.prev = e
	} else {
		q.last = e
	}
	q.first = e
	q.bytes += e.size
}

func (q *queue) remove(e *entry) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		q.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		q.last = e.prev
	}
	e.in, e.prev, e.next = nil, nil, nil
	q.bytes -= e.size
}

// tickets tell the users of an entry apart, so that a release counts once without memory of its own: each lending takes
// a slot at its present turn, and giving it back begins the slot's next turn. The zero value has none.
type tickets struct {
	turns []uint32 // of slots
	free  []uint32 // slots that nobody holds
}

func (t *tickets) take() (slot, turn uint32) {
	if n := len(t.free); n > 0 {
		slot, t.free = t.free[n-1], t.free[:n-1]
	} else {
		slot = uint32(len(t.turns))
		t.turns = append(t.turns, 0)
	}
	return slot, t.turns[slot]
}

// giveBack reports whether the ticket was still out.
func (t *tickets) giveBack(slot, turn uint32) bool {
	if t.turns[slot] != turn {
		return false
	}
	t.turns[slot]++
	t.free = append(t.free, slot)
	return true
}
