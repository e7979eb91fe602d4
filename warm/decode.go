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
	// DecodeRunning: it goes on. Only calls that ask for it wait for its end.
	DecodeRunning DecodeState = "running"
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

const (
	// maxDecoding is how many generations are decoded at once, whatever the number of jobs:
	// decoding takes a processor, which clients' requests need more.
	maxDecoding = 1
	// maxDecodings bounds those and the ones that wait for their turn. What is beyond is not
	// decoded until somebody asks again.
	maxDecodings = 1024
)

// decodeMode is what a request wants of decoding.
type decodeMode uint8

const (
	decodeNot    decodeMode = iota
	decodeBehind            // when the path is warm, behind the job
	decodeWait              // the job has ended when it is done
)

func (w *Warmer) decodeMode(r Request) decodeMode {
	switch {
	case w.o.Decoder == nil:
		return decodeNot
	case r.Decode == nil && w.o.Decode:
		return decodeBehind
	case r.Decode != nil && *r.Decode:
		return decodeWait
	default:
		return decodeNot
	}
}

// A decoding is a generation that is being decoded or waits for that.
type decoding struct {
	path   Path
	cancel context.CancelFunc

	done      chan struct{} // closed when the following are set
	err       error
	cancelled bool
}

// decodings are the generations that are or were decoded. Guarded by Warmer.mu.
type decodings struct {
	under map[Path]*decoding
	ended map[Path]decodingEnded
}

// decodingEnded is how a decoding ended: how many objects were kept, or that it failed.
type decodingEnded struct {
	kept   int
	failed string // why; empty if it did not
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

// resides reports whether all that queries need of a confirmed generation is in the cache.
func (w *Warmer) resides(g *publication.Generation) bool {
	_, inventory := g.State()
	if inventory == nil {
		return false
	}
	for _, e := range inventory.Below(g.Prefix) {
		if !idle(e.Key) && !w.objects.ResidentRange(g.Bucket, e, 0, e.Size).Complete() {
			return false
		}
	}
	return true
}

// beginDecoding begins to decode what is resident of the generations at or below a path, and
// returns what it began, and how many generations it left out.
func (w *Warmer) beginDecoding(path Path) (begun []*decoding, skipped int) {
	for _, g := range w.confirmedBelow(path) {
		if w.resides(g) {
			if d := w.decode(Path{g.Bucket, g.Prefix}); d != nil {
				begun = append(begun, d)
				continue
			}
		}
		skipped++
	}
	return begun, skipped
}

// decode begins to decode a generation, or joins who did; nil if too many wait.
func (w *Warmer) decode(path Path) *decoding {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := w.decodings.under[path]; d != nil {
		return d
	}
	if w.closed || len(w.decodings.under) >= maxDecodings {
		return nil
	}
	ctx, cancel := context.WithCancel(w.ctx)
	d := &decoding{path: path, cancel: cancel, done: make(chan struct{})}
	w.decodings.under[path] = d
	w.wg.Go(func() {
		defer cancel()
		d.err = w.decodeNow(ctx, path)
		d.cancelled = ctx.Err() != nil
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.decodings.under[path] == d {
			delete(w.decodings.under, path)
		}
		if !d.cancelled {
			w.rememberLocked(d)
		}
		close(d.done)
	})
	return d
}

func (w *Warmer) decodeNow(ctx context.Context, path Path) (err error) {
	if err := w.decoding.Acquire(ctx, 1); err != nil {
		return err
	}
	defer w.decoding.Release(1)
	began := time.Now()
	if died := w.survive(func() { err = w.o.Decoder.Decode(ctx, path) }); died != nil {
		err = died
	}
	w.metrics.decoded(ctx, err, time.Since(began))
	if err != nil && ctx.Err() == nil {
		w.log.Warn("generation not decoded", "path", path.String(), "err", err)
	}
	return err
}

// rememberLocked remembers how the decoding of a generation ended: if there is less of it one
// day, a call that wants it decoded does it again.
func (w *Warmer) rememberLocked(d *decoding) {
	for other := range w.decodings.ended {
		if len(w.decodings.ended) < maxTracked {
			break
		}
		delete(w.decodings.ended, other) // any: it is decoded once more than it needs to be
	}
	ended := decodingEnded{}
	if d.err != nil {
		ended.failed = d.err.Error()
	} else {
		ended.kept = w.o.Decoder.Decoded(d.path).Objects
	}
	w.decodings.ended[d.path] = ended
}

// forgetDecodingsLocked cancels what is being decoded below a prefix, so that whoever asks
// from now on begins anew, and forgets what was.
func (w *Warmer) forgetDecodingsLocked(bucket, prefix string) (cancelled []*decoding) {
	for path, d := range w.decodings.under {
		if path.Bucket == bucket && strings.HasPrefix(path.Key, prefix) {
			d.cancel()
			delete(w.decodings.under, path)
			cancelled = append(cancelled, d)
		}
	}
	for path := range w.decodings.ended {
		if path.Bucket == bucket && strings.HasPrefix(path.Key, prefix) {
			delete(w.decodings.ended, path)
		}
	}
	return cancelled
}

// awaitDecoding waits for what was begun for a job, as long as the job may take, and tells in
// its receipt.
func (w *Warmer) awaitDecoding(j *job, begun []*decoding, skipped int) {
	began := time.Now()
	d := DecodeReceipt{State: DecodeRunning, Skipped: skipped}
	tell := func() {
		d.Elapsed = Duration(time.Since(began))
		j.change(func() { j.receipt.Decode = d })
	}
	tell()
	for _, one := range begun {
		select {
		case <-one.done:
		case <-j.ctx.Done():
			d.Skipped++
			continue
		}
		now := w.o.Decoder.Decoded(one.path)
		d.Objects += now.Objects
		d.Bytes += now.Bytes
		switch {
		case one.err == nil:
			d.Generations++
		case one.cancelled: // retired, or invalidated
			d.Skipped++
		default:
			if d.Failed++; d.Error == "" {
				d.Error = one.err.Error()
			}
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

// decodedBelow says what is decoded at or below a path, and whether anything is missing. What
// failed is not, until somebody asks for it.
func (w *Warmer) decodedBelow(path Path, mode decodeMode) (d DecodeReceipt, missing bool) {
	for _, g := range w.confirmedBelow(path) {
		at := Path{g.Bucket, g.Prefix}
		now := w.o.Decoder.Decoded(at)
		w.mu.Lock()
		ended, known := w.decodings.ended[at]
		w.mu.Unlock()
		switch {
		case known && ended.failed != "" && mode == decodeBehind:
			if d.Failed++; d.Error == "" {
				d.Error = ended.failed
			}
			continue
		case !known || ended.failed != "" || now.Objects < ended.kept:
			missing = true
			continue
		}
		d.Generations++
		d.Objects += now.Objects
		d.Bytes += now.Bytes
	}
	d.State = d.state()
	if missing {
		d.State = DecodeRunning
	}
	return d, missing
}
