package warm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hearthcache/hearth/proxy/publication"
)

// A Decoder decodes what queries on generations use and keeps it in memory, above the
// pages. Implementations are safe for concurrent use.
type Decoder interface {
	// Decode decodes a generation, given as a directory. It is published, confirmed and
	// resident, so nothing needs to be asked of the origin. What was decoded before an
	// error stays.
	Decode(ctx context.Context, generation Path) error
	// Decoded says what is kept of a generation now.
	Decoded(generation Path) Decoded
}

// Decoded counts decoded objects and the memory that they say they take.
type Decoded struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// DecodeState is how far decoding went. It never decides whether a path is warm.
type DecodeState string

const (
	// DecodeDone: everything published below the path is decoded.
	DecodeDone DecodeState = "done"
	// DecodePartial: some of it is; the rest is not resident, or could not be decoded.
	DecodePartial DecodeState = "partial"
	// DecodeFailed: nothing could be decoded.
	DecodeFailed DecodeState = "failed"
	// DecodeNothing: there is nothing below the path that could be: no generation, or none
	// that is known to be published and resident.
	DecodeNothing DecodeState = "nothing"
)

// A DecodeReceipt says what was decoded of the generations below a path.
type DecodeReceipt struct {
	State DecodeState `json:"state"`
	// Generations are those that are decoded, Skipped those that are not resident as a whole,
	// Failed those that could not be decoded, the first of them for the reason in Error.
	Generations int    `json:"generations"`
	Skipped     int    `json:"skipped,omitempty"`
	Failed      int    `json:"failed,omitempty"`
	Error       string `json:"error,omitempty"`
	// Decoded is what is kept of them.
	Decoded
	Elapsed Duration `json:"elapsed"`
}

// maxDecoding is how many generations are decoded at once, whatever the number of jobs:
// decoding takes a processor, which clients' requests need more.
const maxDecoding = 1

// decides fills in whether a request decodes, where it leaves that open.
func (w *Warmer) decides(r Request) Request {
	if r.Decode == nil {
		on := w.o.Decode && w.o.Decoder != nil
		r.Decode = &on
	}
	return r
}

// confirmedBelow returns the confirmed generations at or below a path, in order.
func (w *Warmer) confirmedBelow(path Path) []*publication.Generation {
	var found []*publication.Generation
	for _, g := range w.objects.Generations().All() {
		if g.Bucket != path.Bucket || !strings.HasPrefix(g.Prefix, path.Key) {
			continue
		}
		if state, _ := g.State(); state == publication.Confirmed {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b *publication.Generation) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return found
}

// resides reports whether all of a confirmed generation is in the cache.
func (w *Warmer) resides(g *publication.Generation) bool {
	_, inventory := g.State()
	if inventory == nil {
		return false
	}
	for _, e := range inventory.Below(g.Prefix) {
		if !w.objects.ResidentRange(g.Bucket, e, 0, e.Size).Complete() {
			return false
		}
	}
	return true
}

// decode decodes the generations below the path of a job that is warm as far as it goes.
func (w *Warmer) decode(j *job) {
	began := time.Now()
	var d DecodeReceipt
	tell := func() {
		d.Elapsed = Duration(time.Since(began))
		j.change(func() { j.receipt.Decode = d })
	}
	for _, g := range w.confirmedBelow(j.path) {
		path := Path{g.Bucket, g.Prefix}
		if !w.resides(g) {
			d.Skipped++
			continue
		}
		err := w.decodeOne(j.ctx, path)
		now := w.o.Decoder.Decoded(path)
		d.Objects += now.Objects
		d.Bytes += now.Bytes
		switch {
		case err == nil:
			d.Generations++
		case j.ctx.Err() != nil:
			d.Skipped++
		default:
			if d.Failed++; d.Error == "" {
				d.Error = err.Error()
			}
			w.log.Warn("generation not decoded", "path", path.String(), "job", j.id, "err", err)
		}
		tell()
	}
	d.State = d.state()
	tell()
}

func (d *DecodeReceipt) state() DecodeState {
	switch {
	case d.Generations == 0 && d.Failed > 0:
		return DecodeFailed
	case d.Generations == 0:
		return DecodeNothing
	case d.Failed > 0 || d.Skipped > 0:
		return DecodePartial
	default:
		return DecodeDone
	}
}

// decodeOne decodes one generation, and remembers how much there was afterwards: if there
// is less one day, a call that wants it decoded does it again.
func (w *Warmer) decodeOne(ctx context.Context, path Path) (err error) {
	if err := w.decoding.Acquire(ctx, 1); err != nil {
		return err
	}
	defer w.decoding.Release(1)
	began := time.Now()
	if died := w.survive(func() { err = w.o.Decoder.Decode(ctx, path) }); died != nil {
		err = died
	}
	w.metrics.decoded(ctx, err, time.Since(began))
	if err != nil {
		return err
	}
	kept := w.o.Decoder.Decoded(path).Objects
	w.mu.Lock()
	defer w.mu.Unlock()
	for other := range w.decodings {
		if len(w.decodings) < maxTracked {
			break
		}
		delete(w.decodings, other) // any: it is decoded once more than it needs to be
	}
	w.decodings[path] = kept
	return nil
}

// undecoded reports whether there is anything to decode at or below a path, and what is
// decoded otherwise.
func (w *Warmer) undecoded(path Path) (d DecodeReceipt, missing bool) {
	for _, g := range w.confirmedBelow(path) {
		at := Path{g.Bucket, g.Prefix}
		now := w.o.Decoder.Decoded(at)
		w.mu.Lock()
		kept, known := w.decodings[at]
		w.mu.Unlock()
		if !known || now.Objects < kept {
			return d, true
		}
		d.Generations++
		d.Objects += now.Objects
		d.Bytes += now.Bytes
	}
	d.State = d.state()
	return d, false
}
