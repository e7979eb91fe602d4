package file

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// leafRead is what was read of one leaf: its levels, and its values without those of the layers above.
type leafRead struct {
	levels levels
	leaf   sink.Leaf
}

// array21 reads the rows of spans of a top-level field of a version 2.1 or 2.2 file.
func (rd *reading) array21(top *node, spans []span) (arrow.ArrayData, error) {
	if top.field.IsEmpty() {
		return rd.emptyStructs(top, spans)
	}
	reads := map[*node]*leafRead{}
	defer func() {
		for _, lr := range reads {
			lr.leaf.Release()
		}
	}()
	var err error
	top.walk(func(n *node) {
		if n.col == nil || err != nil {
			return
		}
		leaf, e := sink.New(storageType(n.field.Type), rd.lim)
		if e == nil {
			lr := &leafRead{leaf: leaf, levels: levels{chain: n.chain, limit: int(rd.lim.MaxBytes / 2)}}
			reads[n] = lr
			if e = rd.leaf21(n, lr, spans); e == nil {
				e = lr.levels.check()
			}
		}
		if e != nil {
			err = e
			if n != top {
				err = fmt.Errorf("field %q: %w", n.field.Name, e)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if top.col != nil {
		return rd.finish(top, reads[top].leaf)
	}
	a := &assembly{rd: rd, reads: reads}
	return a.build(top, 0)
}

// emptyStructs reads structs without members. Their page says that everything is null, and means nothing: a struct without
// members is written only when none is null.
func (rd *reading) emptyStructs(n *node, spans []span) (arrow.ArrayData, error) {
	err := eachPage(n.col, spans, func(p *page, _ []span) error {
		if c := p.layout.Constant; c == nil || c.HasInlineValue || len(p.buffers) != 0 || len(c.Layers) != 1 {
			return fault.Unsupportedf("struct without fields as %s", p.layout)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sink.Struct(n.field.Type, int(totalLen(spans)), nil, nil), nil
}

// assembly turns the levels of the leaves below a top-level field into arrays.
type assembly struct {
	rd    *reading
	reads map[*node]*leafRead
}

// first is the first leaf below a node. Leaves of one field agree about everything above where they part.
func (a *assembly) first(n *node) *leafRead {
	for n.col == nil {
		n = n.children[0]
	}
	return a.reads[n]
}

// build makes the array of the node at position pos of the chains of its leaves. The caller releases it.
func (a *assembly) build(n *node, pos int) (arrow.ArrayData, error) {
	switch {
	case n.col != nil:
		return a.buildLeaf(n)
	case isList(n.field):
		return a.buildList(n, pos)
	}
	return a.buildStruct(n, pos)
}

// elements calls fn with the definition level of every element at position pos.
func (l *levels) elements(pos int, fn func(i int, def uint16) error) error {
	start := l.chain.starts[pos]
	reach := l.chain.reach
	for i := range l.n {
		if l.rep != nil && l.rep[i] < start {
			continue
		}
		var def uint16
		if l.def != nil {
			def = l.def[i]
			if reach[def] < pos {
				continue
			}
		}
		if err := fn(i, def); err != nil {
			return err
		}
	}
	return nil
}

func (a *assembly) buildLeaf(n *node) (arrow.ArrayData, error) {
	lr := a.reads[n]
	l := &lr.levels
	visible := l.n
	if l.def != nil {
		valid := lr.leaf.Valid()
		visible = 0
		// Runs of equal validity, over the levels that have a value.
		run, was := 0, true
		for _, d := range l.def {
			if !l.chain.visible(d) {
				continue
			}
			visible++
			if is := d == 0; is != was {
				if err := valid.AppendRun(was, run); err != nil {
					return nil, err
				}
				run, was = 0, is
			}
			run++
		}
		if err := valid.AppendRun(was, run); err != nil {
			return nil, err
		}
	}
	if visible != lr.leaf.Len() {
		return nil, fault.Corruptf("field %q: %d values for %d levels that have one", n.field.Name, lr.leaf.Len(), visible)
	}
	return a.rd.finish(n, lr.leaf)
}

func (a *assembly) buildStruct(n *node, pos int) (arrow.ArrayData, error) {
	l := &a.first(n).levels
	valid := sink.NewValidity(a.rd.lim)
	defer valid.Release()
	if l.def == nil && l.rep == nil {
		if err := valid.AppendRun(true, l.n); err != nil {
			return nil, err
		}
	} else {
		err := l.elements(pos, func(_ int, def uint16) error { return valid.AppendRun(l.chain.absent[def] > pos, 1) })
		if err != nil {
			return nil, err
		}
	}
	for _, c := range n.children[1:] {
		if !l.agree(&a.first(c).levels, pos) {
			return nil, fault.Corruptf("field %q and field %q disagree about where values of their struct are", n.children[0].field.Name, c.field.Name)
		}
	}
	rows := valid.Len()
	members := make([]arrow.ArrayData, 0, len(n.children))
	defer func() {
		for _, m := range members {
			m.Release()
		}
	}()
	for _, c := range n.children {
		m, err := a.build(c, pos+1)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
		if m.Len() != rows {
			return nil, fault.Corruptf("field %q has %d values, its struct %d", c.field.Name, m.Len(), rows)
		}
	}
	return sink.Struct(n.field.Type, rows, valid, members), nil
}

func (a *assembly) buildList(n *node, pos int) (arrow.ArrayData, error) {
	l := &a.first(n).levels
	out := sink.NewList(n.field.Type, a.rd.lim)
	defer out.Release()
	// An element one position further in belongs to the list that was begun last.
	inner := l.chain.starts[pos+1]
	var items int64
	valid, open := true, false
	flush := func() error {
		if !open {
			return nil
		}
		open = false
		return out.Append(valid, items)
	}
	c := l.chain
	for i := range l.n {
		rep, def := c.maxRep, uint16(0)
		if l.rep != nil {
			rep = l.rep[i]
		}
		if l.def != nil {
			def = l.def[i]
		}
		if c.reach[def] < pos {
			continue
		}
		if rep >= c.starts[pos] {
			if err := flush(); err != nil {
				return nil, err
			}
			open, items = true, 0
			at := c.absent[def]
			valid = at > pos || (at == pos && c.empty[def])
		}
		if rep >= inner && c.reach[def] > pos {
			if !open {
				return nil, fault.Corruptf("field %q: an item before its list", n.field.Name)
			}
			items++
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	child, err := a.build(n.children[0], pos+1)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return out.Finish(child)
}
