package lsm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

type item struct {
	bytes  int64
	closed *atomic.Int64
}

func (i *item) SizeBytes() int64 { return i.bytes }
func (i *item) Close() error     { i.closed.Add(1); return nil }

func TestTheCacheSharesLoadsAndForgetsTheOldest(t *testing.T) {
	var closed, loads atomic.Int64
	c := NewCache(100)
	load := func(context.Context) (Decoded, error) { loads.Add(1); return &item{40, &closed}, nil }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, release, err := c.Get(t.Context(), Key{"a", "x"}, load)
			if err != nil {
				t.Error(err)
				return
			}
			release()
			release() // once counts
		})
	}
	wg.Wait()
	if loads.Load() != 1 {
		t.Errorf("%d loads of one object", loads.Load())
	}
	_, held, err := c.Get(t.Context(), Key{"b", "x"}, load)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"c", "d"} {
		_, release, err := c.Get(t.Context(), Key{p, "x"}, load)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if c.Len() != 2 || c.SizeBytes() != 80 || closed.Load() != 2 { // b is in use, d the newest
		t.Errorf("%d objects of %d bytes, %d closed", c.Len(), c.SizeBytes(), closed.Load())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if closed.Load() != 3 {
		t.Errorf("%d closed while one is in use", closed.Load())
	}
	held()
	if closed.Load() != 4 {
		t.Errorf("%d closed in the end", closed.Load())
	}
	if _, _, err := c.Get(t.Context(), Key{"a", "x"}, load); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestFailedLoadsAreNotRememberedAndPanicsReachTheCaller(t *testing.T) {
	c := NewCache(100)
	defer c.Close()
	var closed atomic.Int64
	broken := errors.New("broken")
	if _, _, err := c.Get(t.Context(), Key{"a", "x"}, func(context.Context) (Decoded, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, _, err := c.Get(t.Context(), Key{"a", "x"}, func(context.Context) (Decoded, error) { panic("no") }); err == nil {
		t.Error("a panic was lost")
	}
	_, release, err := c.Get(t.Context(), Key{"a", "x"}, func(context.Context) (Decoded, error) { return &item{1, &closed}, nil })
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestALoadEndsWhenTheLastCallerHasLeftNotBefore(t *testing.T) {
	c := NewCache(100)
	defer c.Close()
	var closed atomic.Int64
	started, goOn := make(chan struct{}), make(chan struct{})
	first, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() {
		_, _, err := c.Get(first, Key{"a", "x"}, func(ctx context.Context) (Decoded, error) {
			close(started)
			select {
			case <-goOn:
				return &item{1, &closed}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		errs <- err
	}()
	<-started
	got := make(chan error)
	second := make(chan struct{})
	go func() {
		close(second)
		_, release, err := c.Get(t.Context(), Key{"a", "x"}, func(context.Context) (Decoded, error) { return &item{1, &closed}, nil })
		if err == nil {
			release()
		}
		got <- err
	}()
	<-second
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(goOn)
	if err := <-got; err != nil {
		t.Errorf("the second caller: %v", err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := c.Get(left, Key{"b", "x"}, nil); !errors.Is(err, context.Canceled) {
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
