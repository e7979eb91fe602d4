package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/hearthcache/hearth/internal/embedded"
	"github.com/hearthcache/hearth/internal/meter"
)

// A metered is an embedded store with an empty bucket, and what counts and delays the requests to it.
type metered struct {
	store  *embedded.Store
	origin *meter.Meter
}

// startMetered starts a store in a folder below dir. The caller closes it.
func startMetered(ctx context.Context, dir string, o meter.Options) (m metered, err error) {
	m.store, err = embedded.Start(ctx, embedded.Options{
		Dir: filepath.Join(dir, "store"), AccessKey: benchKey, SecretKey: benchSecret, Region: region,
	})
	if err != nil {
		return m, err
	}
	if err = m.store.EnsureBucket(engineBucket); err == nil {
		m.origin, err = meter.Start(m.store.Endpoint, o)
	}
	if err != nil {
		return m, errors.Join(err, m.store.Close())
	}
	return m, nil
}

func (m *metered) close() error { return errors.Join(m.origin.Close(), m.store.Close()) }
