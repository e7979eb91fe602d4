package main

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/objectstore"
	"github.com/hearthcache/hearth/proxy/publication"
	"github.com/hearthcache/hearth/warm"
)

// openIndexes makes the cache of decoded objects. Whatever the object service drops takes
// what was decoded from it along.
func (v *server) openIndexes() (err error) {
	most := int64(v.settings.Budget().Indexes)
	if most == 0 {
		most = -1 // 0 would be the default
	}
	v.indexes, err = indexcache.New(indexcache.Options{
		MaxBytes: most, Keep: keepDecoded(v.objects.Generations()), Logger: v.log, Registerer: v.registry,
	})
	if err == nil {
		v.objects.OnDrop(v.indexes.Drop)
	}
	return err
}

// keepDecoded says of folders whether what was decoded of them may be kept: of a
// generation, as long as it is known to be published and nothing was written below it
// since. What lies elsewhere is named after what it holds.
func keepDecoded(generations *publication.Registry) func(folder string) bool {
	return func(folder string) bool {
		bucket, key, _ := strings.Cut(folder, "/")
		if _, below := publication.PrefixOf(key + "/"); !below {
			return true
		}
		g := generations.Lookup(bucket, key+"/")
		if g == nil {
			return false
		}
		state, _ := g.State()
		return state != publication.Violated
	}
}

// A decoder decodes generations for package warm, with the engine's own loads and under
// its keys: so a query finds what a warm has decoded.
type decoder struct {
	store   lsm.Store
	indexes *indexcache.Cache
	options lsm.Options
}

var _ warm.Decoder = (*decoder)(nil)

func (v *server) decoder() *decoder {
	return &decoder{
		store: objectstore.New(v.objects), indexes: v.indexes,
		// One after another: it is work for later, beside requests that somebody waits for.
		options: lsm.Options{Datasets: v.indexes, Parallel: 1, Logger: v.log},
	}
}

// Decode implements warm.Decoder.
func (d *decoder) Decode(ctx context.Context, g warm.Path) error {
	p, err := lsm.Preload(ctx, d.store, g.Bucket+"/"+strings.TrimSuffix(g.Key, "/"), d.options)
	for _, index := range p.Skipped {
		d.options.Logger.Info("index not decoded", "bucket", g.Bucket, "prefix", g.Key, "index", index)
	}
	return err
}

// Decoded implements warm.Decoder.
func (d *decoder) Decoded(g warm.Path) warm.Decoded {
	u := d.indexes.Usage(g.Bucket, g.Key)
	return warm.Decoded{Objects: u.Objects, Bytes: u.Bytes}
}
