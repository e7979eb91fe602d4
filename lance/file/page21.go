package file

import (
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// leaf21 reads the rows of spans of one leaf of a version 2.1 or 2.2 file.
func (rd *reading) leaf21(n *node, lr *leafRead, spans []span) error {
	lr.leaf.Hint(totalLen(spans), n.col.room())
	return eachPage(n.col, spans, func(p *page, local []span) error {
		pr := &pageRead{rd: rd, p: p, chain: n.chain, lr: lr}
		if v, ok := lr.leaf.(*sink.Var); ok && p.rows > 0 {
			v.HintData(int64(v.DataLen())+p.share(local), n.col.room())
		}
		l := p.layout
		var layers []pb.Layer
		var read func([]span) error
		switch {
		case l.MiniBlock != nil:
			layers, read = l.MiniBlock.Layers, pr.miniBlock
		case l.FullZip != nil:
			layers, read = l.FullZip.Layers, pr.fullZip
		case l.Constant != nil:
			layers, read = l.Constant.Layers, pr.constant
		case l.Blob != nil:
			return fault.Unsupportedf("page layout blob")
		case l.Other == 5:
			return fault.Unsupportedf("page layout sparse")
		default:
			return fault.Unsupportedf("page layout %d", l.Other)
		}
		var err error
		if pr.table, err = n.chain.translation(layers); err != nil {
			return err
		}
		return read(local)
	})
}

// share is about how many bytes of values the rows of spans have, from the size of the page: as many as are stored, twice that
// when they are compressed. A few more rows than are asked cost little; what is missing is made when it is needed.
func (p *page) share(spans []span) int64 {
	var stored int64
	for _, b := range p.buffers {
		stored += b.Length
	}
	if m := p.layout.MiniBlock; m != nil && m.Value != nil && (m.Value.FSST != nil || m.Dictionary != nil) {
		stored *= 2
	}
	return int64(float64(stored) / float64(p.rows) * float64(totalLen(spans)) * 1.05)
}

// pageRead is one page being read into a leaf.
type pageRead struct {
	rd    *reading
	p     *page
	chain *chain
	table []uint16 // translation of definition levels
	lr    *leafRead
}

// addLevels appends the levels of values without lists. Levels of a top-level leaf are its validity at once. def may be nil.
func (pr *pageRead) addLevels(rep, def []uint16, n int) error {
	if !pr.chain.simple() {
		return pr.lr.levels.add(rep, def, n)
	}
	v := pr.lr.leaf.Valid()
	if def == nil {
		return v.AppendRun(true, n)
	}
	return v.AppendLevels(def)
}
