package lsm

import (
	"context"
	"sync/atomic"

	"github.com/hearthcache/hearth/lance/storage"
)

// meter counts what a query reads. It travels in the context, so that what a query makes others load for it counts too.
type meter struct{ opens, lists, reads, bytes atomic.Int64 }

type meterKey struct{}

func withMeter(ctx context.Context) (context.Context, *meter) {
	m := new(meter)
	return context.WithValue(ctx, meterKey{}, m), m
}

func meterOf(ctx context.Context) *meter {
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		return m
	}
	return new(meter)
}

// metered is a store that counts.
type metered struct{ storage.Store }

var (
	_ storage.SizedOpener = metered{}
	_ storage.Hinter      = meteredObject{}
	_ storage.Holder      = meteredObject{}
)

func (s metered) Open(ctx context.Context, name string) (storage.Object, error) {
	meterOf(ctx).opens.Add(1)
	o, err := s.Store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return meteredObject{o}, nil
}

// OpenSized implements storage.SizedOpener.
func (s metered) OpenSized(ctx context.Context, name string, size int64) (storage.Object, error) {
	if _, ok := s.Store.(storage.SizedOpener); !ok {
		meterOf(ctx).opens.Add(1)
	}
	o, err := storage.OpenSized(ctx, s.Store, name, size)
	if err != nil {
		return nil, err
	}
	return meteredObject{o}, nil
}

func (s metered) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	meterOf(ctx).lists.Add(1)
	return s.Store.List(ctx, folder)
}

type meteredObject struct{ storage.Object }

func (o meteredObject) ReadRange(ctx context.Context, p []byte, off int64) error {
	m := meterOf(ctx)
	m.reads.Add(1)
	m.bytes.Add(int64(len(p)))
	return o.Object.ReadRange(ctx, p, off)
}

// HeldBytes implements storage.Holder.
func (o meteredObject) HeldBytes() int64 { return storage.HeldBytes(o.Object) }

// ReadHints implements storage.Hinter.
func (o meteredObject) ReadHints() (maxGapBytes int64, parallel int) {
	if h, ok := o.Object.(storage.Hinter); ok {
		return h.ReadHints()
	}
	return storage.DefaultMaxGapBytes, storage.DefaultParallel
}
