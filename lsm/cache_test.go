package lsm

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

type item struct {
	bytes  int64
	closed *atomic.Int64
}

func (i *item) SizeBytes() int64 { return i.bytes }
func (i *item) Close() error     { i.closed.Add(1); return nil }

func TestTheCacheKeepsObjectsUpToItsLimitAndRefusesCallsAfterClose(t *testing.T) {
	var closed atomic.Int64
	c := NewCache(100)
	load := func(context.Context) (Decoded, error) { return &item{40, &closed}, nil }
	for _, p := range []string{"a", "b", "c"} {
		_, release, err := c.Get(t.Context(), Key{p, "x"}, load)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if c.Len() != 2 || c.SizeBytes() != 80 || closed.Load() != 1 {
		t.Errorf("%d objects of %d bytes, %d closed", c.Len(), c.SizeBytes(), closed.Load())
	}
	if err := c.Close(); err != nil || closed.Load() != 3 {
		t.Errorf("%d closed in the end, %v", closed.Load(), err)
	}
	if _, _, err := c.Get(t.Context(), Key{"a", "x"}, load); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestRetainForgetsGenerationsThatAreNotLive(t *testing.T) {
	c := NewCache(1000)
	defer c.Close()
	var closed atomic.Int64
	for _, p := range []string{"t/_mem_wal/s/1_gen_1", "t/_mem_wal/s/2_gen_2", "t/_indices/x", "u/_mem_wal/s/1_gen_1"} {
		_, release, err := c.Get(t.Context(), Key{p, "x"}, func(context.Context) (Decoded, error) { return &item{1, &closed}, nil })
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	c.Retain("t", []string{"t/_mem_wal/s/2_gen_2"})
	if c.Len() != 3 || closed.Load() != 1 {
		t.Errorf("%d left, %d closed", c.Len(), closed.Load())
	}
}
