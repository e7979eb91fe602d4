package proxy

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// A slowBody gives pieces of a length after a time each, to a clock.
type slowBody struct {
	now      time.Time
	deadline time.Time // zero for none
	pieces   []piece
}

type piece struct {
	bytes int
	after time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.pieces) == 0 {
		return 0, io.EOF
	}
	next := b.pieces[0]
	if came := b.now.Add(next.after); !b.deadline.IsZero() && came.After(b.deadline) {
		b.now = b.deadline
		return 0, os.ErrDeadlineExceeded
	}
	b.now = b.now.Add(next.after)
	b.pieces = b.pieces[1:]
	return min(next.bytes, len(p)), nil
}

func (b *slowBody) Close() error { return nil }

func TestBodiesHaveToGetOn(t *testing.T) {
	times := func(n int, p piece) []piece {
		all := make([]piece, n)
		for i := range all {
			all[i] = p
		}
		return all
	}
	for name, tt := range map[string]struct {
		pieces []piece
		busy   time.Duration // of Hearth, between any two reads
		ok     bool
	}{
		"a long one at a kilobyte a second":     {times(2000, piece{2 << 10, 1800 * time.Millisecond}), 0, true},
		"one by a slow origin":                  {times(100, piece{32 << 10, time.Millisecond}), time.Hour, true},
		"a few bytes in time":                   {times(3, piece{1, 19 * time.Second}), 0, true},
		"a few bytes too late":                  {times(4, piece{1, 19 * time.Second}), 0, false},
		"a byte a minute":                       {times(3, piece{1, time.Minute}), 0, false},
		"nothing":                               {times(1, piece{1, time.Hour}), 0, false},
		"fast, then nothing":                    {append(times(100, piece{32 << 10, time.Second}), piece{1, 2 * time.Minute}), 0, false},
		"a pause that is made up for":           {append([]piece{{1, 59 * time.Second}}, times(100, piece{32 << 10, time.Millisecond})...), 0, true},
		"bytes that come just often enough not": {times(100, piece{500, time.Second}), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			slow := &slowBody{now: time.Unix(0, 0), pieces: tt.pieces}
			body := &progressBody{
				ReadCloser: slow, now: func() time.Time { return slow.now }, patience: time.Minute, left: time.Minute,
				deadline: func(at time.Time) error { slow.deadline = at; return nil },
			}
			var err error
			for p := make([]byte, 32<<10); err == nil; slow.now = slow.now.Add(tt.busy) {
				_, err = body.Read(p)
			}
			if tt.ok && (err != io.EOF || !slow.deadline.IsZero()) || !tt.ok && (!errors.Is(err, errTooSlow) || slow.deadline.IsZero()) {
				t.Errorf("got %v, the deadline is %s", err, slow.deadline)
			}
		})
	}
}
